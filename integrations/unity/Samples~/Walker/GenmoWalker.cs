// A character who does what a prompt and the stick say: put it on a GameObject with a humanoid Animator whose avatar is in T-pose.
// Written for Unity 2021.3 or later; not yet run in Unity.
using System.Collections.Generic;
using System.IO;
using System.Threading;
using Genmo;
using UnityEngine;

public sealed class GenmoWalker : MonoBehaviour
{
    [Tooltip("of an engine, inside StreamingAssets")]
    public string engine = "genmo";
    public string prompt = "";
    public float speed = 1.4f;
    [Tooltip("frames that are made before they are shown")]
    public int ahead = 8;

    static readonly HumanBodyBones[] Bones =
    {
        HumanBodyBones.Hips, HumanBodyBones.LeftUpperLeg, HumanBodyBones.RightUpperLeg, HumanBodyBones.Spine, HumanBodyBones.LeftLowerLeg,
        HumanBodyBones.RightLowerLeg, HumanBodyBones.Chest, HumanBodyBones.LeftFoot, HumanBodyBones.RightFoot, HumanBodyBones.UpperChest,
        HumanBodyBones.LeftToes, HumanBodyBones.RightToes, HumanBodyBones.Neck, HumanBodyBones.LeftShoulder, HumanBodyBones.RightShoulder,
        HumanBodyBones.Head, HumanBodyBones.LeftUpperArm, HumanBodyBones.RightUpperArm, HumanBodyBones.LeftLowerArm,
        HumanBodyBones.RightLowerArm, HumanBodyBones.LeftHand, HumanBodyBones.RightHand, HumanBodyBones.LastBone, HumanBodyBones.LastBone,
    };

    readonly Queue<Motion> made = new Queue<Motion>();
    readonly Stack<Motion> spare = new Stack<Motion>();
    readonly Transform[] bones = new Transform[Motion.Joints];
    readonly Quaternion[] rest = new Quaternion[Motion.Joints];
    Thread worker;
    volatile bool stopping;
    Vector2 wanted;
    string said;
    double clock;

    void Start()
    {
        Animator animator = GetComponent<Animator>();
        for (int joint = 0; joint < bones.Length; ++joint)
        {
            bones[joint] = Bones[joint] == HumanBodyBones.LastBone ? null : animator.GetBoneTransform(Bones[joint]);
            if (bones[joint] != null) rest[joint] = Quaternion.Inverse(transform.rotation) * bones[joint].rotation;
        }
        animator.enabled = false;
        string folder = Path.Combine(Application.streamingAssetsPath, engine);
        worker = new Thread(() => Make(folder)) { IsBackground = true };
        worker.Start();
    }

    void OnDestroy()
    {
        stopping = true;
        lock (made) Monitor.PulseAll(made);
        if (worker != null) worker.Join();
    }

    void Update()
    {
        // the stick is in Unity's world, genmo's has x mirrored
        Vector2 stick = new Vector2(-Input.GetAxis("Horizontal"), Input.GetAxis("Vertical"));
        lock (made)
        {
            wanted = speed * Vector2.ClampMagnitude(stick, 1);
            said = prompt;
        }
        clock += Time.deltaTime * Motion.Fps;
        for (; clock >= 1; clock -= 1) Show();
    }

    void Show()
    {
        Motion motion;
        lock (made)
        {
            if (made.Count == 0) return;
            motion = made.Dequeue();
            Monitor.PulseAll(made);
        }
        float[] r = motion.Rotations;
        Quaternion[] world = new Quaternion[Motion.Joints];
        for (int joint = 0; joint < Motion.Joints; ++joint)
        {
            Quaternion local = new Quaternion(r[4 * joint], r[4 * joint + 1], r[4 * joint + 2], r[4 * joint + 3]);
            int parent = Skeleton.Parent(joint);
            world[joint] = parent < 0 ? local : world[parent] * local;
            if (bones[joint] != null) bones[joint].rotation = transform.rotation * world[joint] * rest[joint];
        }
        float[] t = motion.Translation;
        bones[0].position = transform.TransformPoint(new Vector3(t[0], t[1], t[2]));
        lock (made) spare.Push(motion);
    }

    // On the worker: a few frames in front of whoever shows them.
    void Make(string folder)
    {
        using (Model model = new Model(folder))
        using (Generator person = new Generator(model))
        {
            string told = null;
            Vector2 led = Vector2.zero;
            while (!stopping)
            {
                Motion motion;
                Vector2 stick;
                string saying;
                lock (made)
                {
                    while (made.Count >= ahead && !stopping) Monitor.Wait(made);
                    motion = spare.Count > 0 ? spare.Pop() : new Motion(1);
                    stick = wanted;
                    saying = string.IsNullOrEmpty(said) ? null : said;
                }
                // a change of mind costs a block: small ones wait
                if ((stick - led).magnitude > 0.1f || (person.Frame == 0 && saying == null))
                {
                    person.Steer(stick.x, stick.y);
                    led = stick;
                }
                if (saying != told)
                {
                    person.Prompt = saying;
                    told = saying;
                }
                person.Next(1, motion);
                Handed.Mirror(motion);
                lock (made) made.Enqueue(motion);
            }
        }
    }
}
