// SPDX-License-Identifier: MIT
// mono_stacks.cs: opens sockets from stacks of random shape and prints, for each, its descriptor and what StackTrace says of the stack, innermost
// first: "fd<TAB>function<TAB>file:line<TAB>function ...". Arguments: how many, the seed.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Reflection;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

class Stacks
{
    static readonly List<Socket> kept = new List<Socket>();
    static readonly StringBuilder said = new StringBuilder();
    [ThreadStatic] static Random random;

    static string Name(MethodBase m)
    {
        var type = m.DeclaringType;
        if (type == null)
            return m.Name;
        if (type.IsGenericType)
            type = type.GetGenericTypeDefinition();
        return type.FullName + "." + m.Name;
    }

    static void Take()
    {
        var s = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp); StackTrace trace = new StackTrace(true);
        lock (kept)
        {
            kept.Add(s);
            said.Append(s.Handle.ToInt64());
            foreach (var f in trace.GetFrames())
            {
                var m = f.GetMethod();
                if (m == null)
                    continue;
                said.Append('\t').Append(Name(m)).Append('\t').Append(f.GetFileName() ?? "-").Append(':').Append(f.GetFileLineNumber());
            }
            said.Append('\n');
        }
    }

    class Box<T>
    {
        internal T value;
        internal class Inner
        {
            internal static void Down(int n) { Step(n); }
        }
        internal void Down(int n)
        {
            Step(n);
        }
        internal void Generic<U>(U u, int n) { Step(n); }
    }

    struct Point
    {
        internal int x;
        internal void Down(int n) { Step(n); }
        public static Point operator +(Point a, Point b) { Step(a.x); return b; }
    }

    abstract class Shape { internal abstract void Draw(int n); }
    class Circle : Shape { internal override void Draw(int n) { Step(n); } }
    class Square : Circle
    {
        internal override void Draw(int n)
        {
            base.Draw(n);
        }
        internal int Side { get { Step(depth); return 1; } }
        internal int depth;
    }

    class Made
    {
        internal Made(int n) { Step(n); }
    }

    static IEnumerable<int> Numbers(int n)
    {
        yield return 1;
        Step(n);
        yield return 2;
    }

    static async Task Async(int n)
    {
        Step(n);
        await Task.Yield();
    }

    delegate void Down(int n);
    interface ISend { void Send(int n); }
    class Sender : ISend { void ISend.Send(int n) { Step(n); } }

    static void ByException(int n)
    {
        try { throw new InvalidOperationException(); }
        catch (InvalidOperationException) { Step(n); }
    }

    static void ByFinally(int n)
    {
        try { if (n < 0) return; }
        finally { Step(n); }
    }

    static bool Filter(int n) { Step(n); return true; }
    static void ByFilter(int n)
    {
        try { throw new InvalidOperationException(); }
        catch (InvalidOperationException) when (Filter(n)) { }
    }

    static void Step(int n)
    {
        if (n <= 0)
        {
            Take();
            return;
        }
        n--;
        switch (random.Next(19))
        {
            case 0: Step(n); break;
            case 1: new Box<int>().Down(n); break;
            case 2: new Box<string>().Down(n); break;
            case 3: Box<object>.Inner.Down(n); break;
            case 4: new Box<string>().Generic(1.5, n); break;
            case 5: new Point().Down(n); break;
            case 6: var p = new Point { x = n } + new Point(); break;
            case 7: new Circle().Draw(n); break;
            case 8: new Square().Draw(n); break;
            case 9: var side = new Square { depth = n }.Side; break;
            case 10: new Made(n); break;
            case 11: foreach (var i in Numbers(n)) { } break;
            case 12: Async(n).Wait(); break;
            case 13: ((Down)Step)(n); break;
            case 14: Action a = () => Step(n); a(); break;
            case 15: ((ISend)new Sender()).Send(n); break;
            case 16: ByException(n); break;
            case 17: ByFinally(n); break;
            case 18: new[] { 1 }.Select(i => { Step(n); return i; }).ToList(); break;
        }
    }

    static void Many(int n, int seed)
    {
        random = new Random(seed);
        for (int i = 0; i < n; i++)
        {
            Step(random.Next(25));
            if (i % 64 == 0)
                GC.Collect();
        }
    }

    static void Main(string[] args)
    {
        int n = int.Parse(args[0]), seed = int.Parse(args[1]);
        var threads = new Thread[3];
        for (int i = 0; i < threads.Length; i++)
        {
            int own = seed * 10 + i;
            threads[i] = new Thread(() => Many(n / 4, own));
            threads[i].Start();
        }
        Many(n / 4, seed * 10 + 9);
        foreach (var t in threads)
            t.Join();
        Console.Write(said);
        Console.WriteLine("ready");
        Console.Out.Flush();
        Console.ReadLine();
        Environment.Exit(0);
    }
}
