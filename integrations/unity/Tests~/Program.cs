// What a program without Unity does with Genmo.cs; tests/integrations/unity compares the numbers with the runtime's.
//
//   Program.exe ENGINE
using System;
using System.Globalization;
using Genmo;

static class Program
{
    static void Print(string name, float[] numbers, int count)
    {
        Console.Write(name);
        for (int i = 0; i < count; ++i) Console.Write(" " + numbers[i].ToString("R", CultureInfo.InvariantCulture));
        Console.WriteLine();
    }

    static int Main(string[] arguments)
    {
        using (Model model = new Model(arguments[0]))
        {
            Console.WriteLine("skeleton " + Skeleton.Name(0) + " " + Skeleton.Name(23) + " " + Skeleton.Parent(0) + " " + Skeleton.Parent(23));
            Motion motion = new Motion(40);
            float heard = 0;
            model.Generate(new[] { new Text("a person walks"), new Text("a person waves", 10, 30) }, 40, motion, 3, 2, 0, share => { heard = share; return true; }, tries: 3);
            Print("generate", motion.Positions, 40 * 72);
            Console.WriteLine("heard " + heard.ToString(CultureInfo.InvariantCulture));
            try { model.Generate(new[] { new Text("!?") }, 40, motion); }
            catch (GenmoException error) { Console.WriteLine("refused " + error.Status + " " + error.Message); }
            try { model.Generate(new[] { new Text("a person walks") }, 40, motion, 3, 2, 0, share => { throw new InvalidOperationException(); }); }
            catch (GenmoException error) { Console.WriteLine("cancelled " + error.Status); }

            float[] pose = new float[96], root = { 0.25f, 0.875f, 1.5f };
            Array.Copy(motion.Rotations, 20 * 96, pose, 0, 96);
            Constraints constraints = new Constraints();
            constraints.Keyframes.Add(new Keyframe(35, pose, root));
            constraints.Targets.Add(new JointTarget(20, 20, 0.25, 1.5, double.NaN));
            constraints.Headings.Add(new Heading(5, 0.5));
            Print("pose", pose, 96);
            model.Generate(new Text[0], 40, motion, 3, 2, 0, null, constraints);
            Print("met", motion.Positions, 40 * 72);
            constraints.Keyframes.Add(new Keyframe(36, pose, new float[2]));
            try { model.Generate(new Text[0], 40, motion, 3, 2, 0, null, constraints); }
            catch (GenmoException error) { Console.WriteLine("unmet " + error.Message); }

            using (Generator person = new Generator(model, 5, 2))
            {
                person.Prompt = "a person walks";
                person.Next(20, motion);
                Print("endless", motion.Positions, 20 * 72);
                person.Steer(0.5, 1);
                person.Next(10, motion);
                person.Prompt = null;
                person.Tell(new[] { new Text("a person jumps", 40, 60) });
                person.Next(5, motion);
                person.Release();
                person.Next(5, motion);
                Print("told", motion.Positions, 5 * 72);
                Constraints ahead = new Constraints();
                ahead.Targets.Add(new JointTarget(45, 20, double.NaN, 1.5, double.NaN));
                ahead.Keyframes.Add(new Keyframe(48, pose));
                person.Constrain(ahead);
                person.Next(10, motion);
                Print("ahead", motion.Positions, 10 * 72);
                Console.WriteLine("frame " + person.Frame + " " + (person.Ready > 0));
            }

            float[] points = new float[40 * 51];
            for (int i = 0; i < points.Length; ++i)
            {
                int frame = i / 51, point = i % 51 / 3;
                points[i] = i % 3 == 2 ? 0.875f : i % 3 == 1 ? 100 + 30 * point + frame % 8 : 600 + 64 * (point % 2) + 2 * frame;
            }
            model.Estimate(points, 1280, 720, motion);
            Print("estimate", motion.Positions, 40 * 72);
            using (Stream stream = new Stream(model, 1280, 720, 1, 2))
            {
                float[] frame = new float[51];
                for (int i = 0; i < 10; ++i)
                {
                    Array.Copy(points, 51 * i, frame, 0, 51);
                    stream.Step(frame);
                }
                Print("stream", stream.Positions, 72);
                Console.WriteLine("answered " + stream.Frame[0] + " " + stream.Settled[0]);
            }
            float x = motion.Translation[3], w = motion.Rotations[99], y = motion.Rotations[97];
            Handed.Mirror(motion);
            Console.WriteLine("mirrored " + (motion.Translation[3] == -x && motion.Rotations[99] == w && motion.Rotations[97] == -y));
        }
        return 0;
    }
}
