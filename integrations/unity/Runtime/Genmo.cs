// libgenmo for C#: engines, motions from texts and from keypoints, streams of keypoints, motion without end.
//
// Units and frames are those of genmo.h: metres, 30 frames a second, a right-handed world with y up; rotations are quaternions x, y, z, w
// from the parent's frame. Unity's world is left-handed: `Handed` turns arrays into its world in place. Every failure is a GenmoException
// with the library's sentence.
using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;

namespace Genmo
{
    /// <summary>What libgenmo said of a call that failed.</summary>
    public sealed class GenmoException : Exception
    {
        /// <summary>A genmo_status: 1 bad argument, 2 no memory, 3 unsupported, 4 singular, 5 bad engine, 6 cancelled.</summary>
        public readonly int Status;

        public GenmoException(int status, string message) : base(message) { Status = status; }
    }

    /// <summary>A prompt that reaches frames [Start, End); End 0: to the end.</summary>
    public struct Text
    {
        public string Prompt;
        public int Start, End;

        public Text(string prompt, int start = 0, int end = 0) { Prompt = prompt; Start = start; End = end; }
    }

    /// <summary>A pose that a frame has exactly.</summary>
    public struct Keyframe
    {
        public int Frame;
        /// <summary>[24, 4] quaternions x, y, z, w, as a frame of Motion.Rotations.</summary>
        public float[] Rotations;
        /// <summary>[3] the root in the world, metres; null: the pose may be anywhere.</summary>
        public float[] Root;

        public Keyframe(int frame, float[] rotations, float[] root = null) { Frame = frame; Rotations = rotations; Root = root; }
    }

    /// <summary>Where a joint should be in a frame, metres in genmo's world; a coordinate that is NaN is free. Joint 0 is the root.</summary>
    public struct JointTarget
    {
        public int Frame, Joint;
        public double X, Y, Z;

        public JointTarget(int frame, int joint, double x, double y, double z) { Frame = frame; Joint = joint; X = x; Y = y; Z = z; }
    }

    /// <summary>Which way the body faces in a frame: radians about +y from +z, so that +x is a quarter turn.</summary>
    public struct Heading
    {
        public int Frame;
        public double Radians;

        public Heading(int frame, double radians) { Frame = frame; Radians = radians; }
    }

    /// <summary>What a motion must meet, each kind in any order.</summary>
    public sealed class Constraints
    {
        public readonly List<Keyframe> Keyframes = new List<Keyframe>();
        public readonly List<JointTarget> Targets = new List<JointTarget>();
        public readonly List<Heading> Headings = new List<Heading>();
    }

    /// <summary>Frames of one person.</summary>
    public sealed class Motion
    {
        public const int Joints = 24, ContactCount = 6, Fps = 30;

        public int Frames;
        /// <summary>[frames, 24, 4] quaternions x, y, z, w; joint 0 is the root in the world.</summary>
        public readonly float[] Rotations;
        /// <summary>[frames, 3] the root, metres.</summary>
        public readonly float[] Translation;
        /// <summary>[frames, 24, 3] positions in the world, metres.</summary>
        public readonly float[] Positions;
        /// <summary>[frames, 6] 0 to 1: left ankle, left ball, right ankle, right ball, left wrist, right wrist stand still.</summary>
        public readonly float[] Contacts;
        /// <summary>[24, 3] each joint in the rest pose, from its parent.</summary>
        public readonly float[] Offsets = new float[Joints * 3];
        /// <summary>[10] the body's shape.</summary>
        public readonly float[] Betas = new float[10];

        /// <summary>Room for so many frames, which may be used again and again.</summary>
        public Motion(int capacity)
        {
            Rotations = new float[capacity * Joints * 4];
            Translation = new float[capacity * 3];
            Positions = new float[capacity * Joints * 3];
            Contacts = new float[capacity * ContactCount];
        }

        public int Capacity { get { return Translation.Length / 3; } }
    }

    /// <summary>The skeleton.</summary>
    public static class Skeleton
    {
        public static string Name(int joint) { return Marshal.PtrToStringAnsi(Native.genmo_joint_name(joint)); }

        /// <summary>A lower joint; -1 for the root.</summary>
        public static int Parent(int joint) { return Native.genmo_joint_parent(joint); }
    }

    /// <summary>From genmo's right-handed world into Unity's left-handed one: x is mirrored.</summary>
    public static class Handed
    {
        public static void Mirror(Motion motion)
        {
            for (int i = 0; i < motion.Rotations.Length; i += 4)
            {
                motion.Rotations[i + 1] = -motion.Rotations[i + 1];
                motion.Rotations[i + 2] = -motion.Rotations[i + 2];
            }
            foreach (float[] points in new[] { motion.Translation, motion.Positions, motion.Offsets })
                for (int i = 0; i < points.Length; i += 3) points[i] = -points[i];
        }
    }

    /// <summary>An engine; several threads may make motions with it at once.</summary>
    public sealed class Model : IDisposable
    {
        internal IntPtr Handle;

        /// <param name="folder">of an engine: engine.json and what it names</param>
        /// <param name="fast">the network in fixed point</param>
        public Model(string folder, bool fast = false, int threads = 1)
        {
            if (Native.genmo_abi() != Native.Abi)
                throw new GenmoException(3, "libgenmo has ABI " + Native.genmo_abi() + "; wanted " + Native.Abi + ", of this file");
            Native.Options options = new Native.Options { fast = fast ? 1 : 0, threads = threads };
            options.size = Native.Size(options);
            Native.Error error = Native.NewError();
            using (Utf8 path = new Utf8(folder)) Native.Check(Native.genmo_open(path.Address, ref options, out Handle, ref error), error);
        }

        /// <summary>The motion of texts, into `motion`.</summary>
        /// <param name="steps">of the denoiser; 0: the engine's usual number</param>
        /// <param name="guidance">weight of the texts; 0: the engine's usual one</param>
        /// <param name="progress">hears the share that is done, and cancels by false; null: nobody</param>
        /// <param name="constraints">keyframes, joint targets and headings, with which there need be no text; null: none</param>
        /// <param name="tries">takes, of which the one is kept that does most of what the texts say; 0: 6; 1: the first alone, in a sixth of the time</param>
        public void Generate(IList<Text> texts, int frames, Motion motion, ulong seed = 0, int steps = 0, double guidance = 0, Func<float, bool> progress = null,
            Constraints constraints = null, int tries = 0)
        {
            Native.Generation wanted = new Native.Generation { frames = frames, steps = steps, guidance = guidance, seed = seed, text_count = texts.Count, tries = tries };
            wanted.size = Native.Size(wanted);
            Native.Progress heard = Native.Hearing(progress);
            wanted.progress = heard == null ? IntPtr.Zero : Marshal.GetFunctionPointerForDelegate(heard);
            Native.Error error = Native.NewError();
            using (Table table = new Table(texts))
            using (Met met = new Met(constraints ?? new Constraints()))
            using (Pinned arrays = new Pinned(motion))
            {
                wanted.texts = table.Address;
                met.Fill(ref wanted);
                int status = Native.genmo_generate(Handle, ref wanted, ref arrays.Out, ref error);
                GC.KeepAlive(heard);
                Native.Check(status, error);
                motion.Frames = arrays.Out.frames;
            }
        }

        /// <summary>The motion of one person's keypoints [frames, 17, 3] (COCO-17: x, y in pixels, confidence) in an image of this size.</summary>
        public void Estimate(float[] points, double width, double height, Motion motion)
        {
            Native.Error error = Native.NewError();
            GCHandle held = GCHandle.Alloc(points, GCHandleType.Pinned);
            try
            {
                Native.Keypoints seen = new Native.Keypoints { frames = points.Length / 51, points = held.AddrOfPinnedObject(), image_width = width, image_height = height };
                seen.size = Native.Size(seen);
                using (Pinned arrays = new Pinned(motion))
                {
                    Native.Check(Native.genmo_estimate(Handle, ref seen, IntPtr.Zero, ref arrays.Out, ref error), error);
                    motion.Frames = arrays.Out.frames;
                }
            }
            finally { held.Free(); }
        }

        public void Dispose()
        {
            Native.genmo_close(Handle);
            Handle = IntPtr.Zero;
        }
    }

    /// <summary>Motion without end of one person, who does what is said last; for one thread at a time. A frame in 60 takes as long as a block: ask
    /// on a thread of your own, some frames ahead.</summary>
    public sealed class Generator : IDisposable
    {
        IntPtr handle;
        readonly Model model; // which must not be collected before

        /// <param name="seed">the same calls give the same motion</param>
        /// <param name="steps">0: 5</param>
        /// <param name="guidance">0: 1.5</param>
        public Generator(Model model, ulong seed = 0, int steps = 0, double guidance = 0)
        {
            this.model = model;
            Native.GeneratorOptions options = new Native.GeneratorOptions { seed = seed, steps = steps, guidance = guidance };
            options.size = Native.Size(options);
            Native.Error error = Native.NewError();
            Native.Check(Native.genmo_generator_open(model.Handle, ref options, out handle, ref error), error);
        }

        /// <summary>What the person does from the next frame on; null: what people do who move so fast.</summary>
        public string Prompt
        {
            set
            {
                Native.Error error = Native.NewError();
                using (Utf8 prompt = new Utf8(value)) Native.Check(Native.genmo_generator_prompt(handle, prompt.Address, ref error), error);
            }
        }

        /// <summary>Prompts with spans in frames of the generator, four at most.</summary>
        public void Tell(IList<Text> texts)
        {
            Native.Error error = Native.NewError();
            using (Table table = new Table(texts)) Native.Check(Native.genmo_generator_texts(handle, table.Address, texts.Count, ref error), error);
        }

        /// <summary>Leads the root at so many metres a second over the ground of genmo's world, facing where it goes or `facing` (radians from +z to +x).</summary>
        public void Steer(double x, double z, double? facing = null)
        {
            Native.Stick stick = new Native.Stick { x = x, z = z, facing = facing ?? 0, faces = facing.HasValue ? 1 : 0 };
            Native.Error error = Native.NewError();
            Native.Check(Native.genmo_generator_stick(handle, ref stick, ref error), error);
        }

        /// <summary>Leaves the root to the prompt.</summary>
        public void Release()
        {
            Native.Error error = Native.NewError();
            Native.Check(Native.genmo_generator_release(handle, IntPtr.Zero, ref error), error);
        }

        /// <summary>Poses and places at frames that are still to come, in the place of those of before: 64 keyframes and 1024 targets at most; headings
        /// are for motions of texts alone.</summary>
        public void Constrain(Constraints constraints)
        {
            if (constraints.Headings.Count > 0) throw new GenmoException(1, "headings in endless motion; wanted keyframes and targets, and Steer for where to face");
            Native.Error error = Native.NewError();
            using (Met met = new Met(constraints))
            {
                Native.Generation asked = new Native.Generation();
                met.Fill(ref asked);
                Native.Check(Native.genmo_generator_constrain(handle, asked.keyframes, asked.keyframe_count, asked.targets, asked.target_count, ref error), error);
            }
        }

        /// <summary>Frames that `Next` gives at once.</summary>
        public int Ready { get { return Native.genmo_generator_ready(handle); } }

        /// <summary>How many frames were answered.</summary>
        public long Frame { get { return Native.genmo_generator_frame(handle); } }

        /// <summary>The next frames, into `motion`.</summary>
        public void Next(int frames, Motion motion)
        {
            Native.Error error = Native.NewError();
            using (Pinned arrays = new Pinned(motion))
            {
                int status = Native.genmo_generator_next(handle, frames, ref arrays.Out, ref error);
                motion.Frames = arrays.Out.frames;
                GC.KeepAlive(model);
                Native.Check(status, error);
            }
        }

        public void Dispose()
        {
            Native.genmo_generator_close(handle);
            handle = IntPtr.Zero;
        }
    }

    /// <summary>People in front of a camera, a frame at a time; for one thread at a time.</summary>
    public sealed class Stream : IDisposable
    {
        public readonly int People;
        /// <summary>[people] the frame of each person that was answered; -1: nobody yet.</summary>
        public readonly long[] Frame;
        /// <summary>[people] 0 while the look-ahead fills.</summary>
        public readonly int[] Settled;
        /// <summary>[people, 24, 4], [people, 3], [people, 24, 3], [people, 6], as of a Motion.</summary>
        public readonly float[] Rotations, Translation, Positions, Contacts;

        IntPtr handle;
        readonly Model model;
        readonly List<GCHandle> held = new List<GCHandle>();
        Native.StreamPose pose;

        /// <param name="lookAhead">frames that a pose is answered late; 0: 15; -1: none</param>
        public Stream(Model model, double width, double height, int people = 1, int lookAhead = 0)
        {
            this.model = model;
            People = people;
            Native.StreamOptions options = new Native.StreamOptions { people = people, look_ahead = lookAhead, image_width = width, image_height = height };
            options.size = Native.Size(options);
            Native.Error error = Native.NewError();
            Native.Check(Native.genmo_stream_open(model.Handle, ref options, out handle, ref error), error);
            pose.size = Native.Size(pose);
            pose.frame = Hold(Frame = new long[people]);
            pose.settled = Hold(Settled = new int[people]);
            pose.rotations = Hold(Rotations = new float[people * Motion.Joints * 4]);
            pose.translation = Hold(Translation = new float[people * 3]);
            pose.joints = Hold(Positions = new float[people * Motion.Joints * 3]);
            pose.contacts = Hold(Contacts = new float[people * Motion.ContactCount]);
        }

        /// <summary>A frame of points [people, 17, 3]; the poses are in the arrays afterwards.</summary>
        public void Step(float[] points)
        {
            if (points.Length != People * 51) throw new GenmoException(1, "points has " + points.Length + " numbers; wanted " + People * 51);
            Native.Error error = Native.NewError();
            int status = Native.genmo_stream_step(handle, points, IntPtr.Zero, IntPtr.Zero, ref pose, ref error);
            GC.KeepAlive(model);
            Native.Check(status, error);
        }

        public void Dispose()
        {
            Native.genmo_stream_close(handle);
            handle = IntPtr.Zero;
            foreach (GCHandle one in held) one.Free();
            held.Clear();
        }

        IntPtr Hold(Array array)
        {
            GCHandle one = GCHandle.Alloc(array, GCHandleType.Pinned);
            held.Add(one);
            return one.AddrOfPinnedObject();
        }
    }

    /// <summary>A string as the library reads it; null stays NULL.</summary>
    sealed class Utf8 : IDisposable
    {
        public readonly IntPtr Address;

        public Utf8(string text)
        {
            if (text == null) return;
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            Address = Marshal.AllocHGlobal(bytes.Length + 1);
            Marshal.Copy(bytes, 0, Address, bytes.Length);
            Marshal.WriteByte(Address, bytes.Length, 0);
        }

        public void Dispose() { Marshal.FreeHGlobal(Address); }
    }

    /// <summary>genmo_text [count].</summary>
    sealed class Table : IDisposable
    {
        public readonly IntPtr Address;
        readonly Utf8[] prompts;

        public Table(IList<Text> texts)
        {
            int size = Marshal.SizeOf(typeof(Native.NativeText));
            prompts = new Utf8[texts.Count];
            Address = Marshal.AllocHGlobal(Math.Max(size * texts.Count, 1));
            for (int i = 0; i < texts.Count; ++i)
            {
                prompts[i] = new Utf8(texts[i].Prompt);
                Native.NativeText text = new Native.NativeText { prompt = prompts[i].Address, start = texts[i].Start, end = texts[i].End };
                Marshal.StructureToPtr(text, new IntPtr(Address.ToInt64() + i * size), false);
            }
        }

        public void Dispose()
        {
            foreach (Utf8 prompt in prompts) prompt.Dispose();
            Marshal.FreeHGlobal(Address);
        }
    }

    /// <summary>Constraints as the library reads them.</summary>
    sealed class Met : IDisposable
    {
        readonly List<GCHandle> held = new List<GCHandle>();
        readonly Native.NativeKeyframe[] keyframes;
        readonly Native.NativeTarget[] targets;
        readonly Native.NativeHeading[] headings;

        public Met(Constraints given)
        {
            // what cannot be pinned must be right before anything is
            foreach (Keyframe one in given.Keyframes)
                if (one.Rotations == null || one.Rotations.Length != Motion.Joints * 4 || (one.Root != null && one.Root.Length != 3))
                    throw new GenmoException(1, "the keyframe of frame " + one.Frame + " has no rotations [24, 4], or a root that is not [3]");
            keyframes = given.Keyframes.ConvertAll(one => new Native.NativeKeyframe { frame = one.Frame, rotations = Hold(one.Rotations), root = Hold(one.Root) }).ToArray();
            targets = given.Targets.ConvertAll(one => new Native.NativeTarget { frame = one.Frame, joint = one.Joint, x = one.X, y = one.Y, z = one.Z }).ToArray();
            headings = given.Headings.ConvertAll(one => new Native.NativeHeading { frame = one.Frame, radians = one.Radians }).ToArray();
        }

        public void Fill(ref Native.Generation wanted)
        {
            wanted.keyframe_count = keyframes.Length;
            wanted.keyframes = Hold(keyframes);
            wanted.target_count = targets.Length;
            wanted.targets = Hold(targets);
            wanted.heading_count = headings.Length;
            wanted.headings = Hold(headings);
        }

        public void Dispose()
        {
            foreach (GCHandle one in held) one.Free();
        }

        IntPtr Hold(Array array)
        {
            if (array == null) return IntPtr.Zero;
            GCHandle one = GCHandle.Alloc(array, GCHandleType.Pinned);
            held.Add(one);
            return one.AddrOfPinnedObject();
        }
    }

    /// <summary>A motion's arrays, which stay where they are while the library writes them.</summary>
    sealed class Pinned : IDisposable
    {
        public Native.NativeMotion Out;
        readonly GCHandle[] held;

        public Pinned(Motion motion)
        {
            float[][] arrays = { motion.Rotations, motion.Translation, motion.Positions, motion.Contacts, motion.Offsets, motion.Betas };
            held = Array.ConvertAll(arrays, array => GCHandle.Alloc(array, GCHandleType.Pinned));
            Out.size = (uint)Marshal.SizeOf(typeof(Native.NativeMotion));
            Out.capacity = motion.Capacity;
            Out.rotations = held[0].AddrOfPinnedObject();
            Out.translation = held[1].AddrOfPinnedObject();
            Out.joints = held[2].AddrOfPinnedObject();
            Out.contacts = held[3].AddrOfPinnedObject();
            Out.offsets = held[4].AddrOfPinnedObject();
            Out.betas = held[5].AddrOfPinnedObject();
        }

        public void Dispose()
        {
            foreach (GCHandle one in held) one.Free();
        }
    }

    /// <summary>genmo.h, name by name.</summary>
    static class Native
    {
        public const uint Abi = 5;
        const string Library = "genmo"; // libgenmo.so, genmo.dll, libgenmo.dylib

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        public delegate int Progress(IntPtr user, float share);

        [StructLayout(LayoutKind.Sequential)]
        public struct Error
        {
            public uint size;
            public int status;
            [MarshalAs(UnmanagedType.ByValArray, SizeConst = 240)]
            public byte[] message;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct Options
        {
            public uint size;
            public int fast, threads, trusted, reserve;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct NativeText
        {
            public IntPtr prompt;
            public int start, end;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct NativeMotion
        {
            public uint size;
            public int capacity, frames;
            public IntPtr rotations, translation, joints, contacts, offsets, betas, root_in_camera;
            public float camera_rise;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct Generation
        {
            public uint size;
            public int frames;
            public IntPtr texts;
            public int text_count, steps;
            public double guidance;
            public ulong seed;
            public uint sample;
            public int whole_texts, loose_feet, seed_count;
            public IntPtr seeds;
            public int reference_count;
            public IntPtr references, progress, user;
            public int keyframe_count;
            public IntPtr keyframes;
            public int target_count;
            public IntPtr targets;
            public int heading_count;
            public IntPtr headings;
            public int tries;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct NativeKeyframe
        {
            public int frame;
            public IntPtr rotations, root;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct NativeTarget
        {
            public int frame, joint;
            public double x, y, z; // genmo_joint_target.position
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct NativeHeading
        {
            public int frame;
            public double radians;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct Keypoints
        {
            public uint size;
            public int frames;
            public IntPtr points, feet, intrinsics;
            public double image_width, image_height;
            public IntPtr camera_to_world;
            public int ground_unknown;
            public double noise;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct GeneratorOptions
        {
            public uint size;
            public int overlap, block, first_block, steps, loose_feet, texts, points;
            public double guidance;
            public ulong seed;
            public IntPtr betas, start, progress, user;
            public int keyframes, targets;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct Stick
        {
            public double x, z, facing;
            public int faces;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct StreamOptions
        {
            public uint size;
            public int look_ahead, people, stride, fit_reach, unfitted, loose_feet, raw_keypoints;
            public IntPtr intrinsics;
            public double image_width, image_height;
            public IntPtr camera_to_world;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct StreamPose
        {
            public uint size;
            public IntPtr frame, settled, rotations, translation, joints, contacts, betas, root_in_camera;
        }

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern uint genmo_abi();
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern IntPtr genmo_joint_name(int joint);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int genmo_joint_parent(int joint);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int genmo_open(IntPtr folder, ref Options options, out IntPtr model, ref Error error);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern void genmo_close(IntPtr model);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int genmo_generate(IntPtr model, ref Generation generation, ref NativeMotion motion, ref Error error);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int genmo_estimate(IntPtr model, ref Keypoints keypoints, IntPtr estimation, ref NativeMotion motion, ref Error error);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int genmo_generator_open(IntPtr model, ref GeneratorOptions options, out IntPtr generator, ref Error error);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern void genmo_generator_close(IntPtr generator);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int genmo_generator_prompt(IntPtr generator, IntPtr prompt, ref Error error);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int genmo_generator_texts(IntPtr generator, IntPtr texts, int count, ref Error error);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int genmo_generator_stick(IntPtr generator, ref Stick stick, ref Error error);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, EntryPoint = "genmo_generator_stick")] public static extern int genmo_generator_release(IntPtr generator, IntPtr none, ref Error error);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int genmo_generator_constrain(IntPtr generator, IntPtr keyframes, int keyframe_count, IntPtr targets, int target_count, ref Error error);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int genmo_generator_ready(IntPtr generator);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern long genmo_generator_frame(IntPtr generator);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int genmo_generator_next(IntPtr generator, int frames, ref NativeMotion motion, ref Error error);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int genmo_stream_open(IntPtr model, ref StreamOptions options, out IntPtr stream, ref Error error);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern void genmo_stream_close(IntPtr stream);
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int genmo_stream_step(IntPtr stream, float[] points, IntPtr feet, IntPtr camera, ref StreamPose pose, ref Error error);

        public static uint Size<T>(T structure) where T : struct { return (uint)Marshal.SizeOf(typeof(T)); }

        public static Error NewError()
        {
            Error error = new Error { message = new byte[240] };
            error.size = (uint)Marshal.SizeOf(typeof(Error));
            return error;
        }

        public static void Check(int status, Error error)
        {
            if (status == 0) return;
            int length = Array.IndexOf(error.message, (byte)0);
            throw new GenmoException(status, Encoding.UTF8.GetString(error.message, 0, length < 0 ? error.message.Length : length));
        }

        /// <summary>For the library; an exception of the caller's cancels, for it cannot pass through C.</summary>
        public static Progress Hearing(Func<float, bool> progress)
        {
            if (progress == null) return null;
            return (user, share) =>
            {
                try { return progress(share) ? 0 : 1; }
                catch (Exception) { return 1; }
            };
        }
    }
}
