// SPDX-License-Identifier: MIT
// JavaStacks.java: opens sockets from the ends of random call graphs, and writes down what Java itself says of each stack.
//
// usage: JavaStacks OUT SOCKETS WARMUP SEED THREADS [churn] [virtual [yield]]
//
// A line of OUT for each stack: its frames, innermost first, "class.method(file:line)" with a tab between; from leaf on. The leaf opens the socket and
// asks for the stack in the same line. WARMUP leaves are reached without opening anything, so that the compilers come in. churn: meanwhile
// classes are loaded and unloaded, the heap is collected, and what was compiled for fewer classes is undone.
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.channels.DatagramChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.Stream;

public class JavaStacks {
    public interface Node { int go(int depth, Random r) throws Exception; }

    public static class Plain implements Node {
        public int go(int depth, Random r) throws Exception { return step(depth, r) + 1; }
    }

    static class Tries implements Node {
        public int go(int depth, Random r) throws Exception {
            try {
                return step(depth, r);
            } finally {
                counter++;
            }
        }
    }

    static class Locks implements Node {
        public synchronized int go(int depth, Random r) throws Exception {
            synchronized (r) {
                return step(depth, r);
            }
        }
    }

    static class Generic<T> implements Node, Supplier<T> {
        public T get() { return null; }
        public int go(int depth, Random r) throws Exception { return small(depth, r) + (int) sum; }
    }

    // What a code path of its own runs for the first time when its class is initialized: the virtual machine itself calls it.
    public static class Late implements Node {
        public int go(int depth, Random r) throws Exception { return step(depth, r) - 1; }
    }

    static int counter;
    static double sum;
    static final Node[] nodes = {new Plain(), new Tries(), new Locks(), new Generic<String>()};
    static volatile Node changing;
    static final Node byProxy = (Node) Proxy.newProxyInstance(JavaStacks.class.getClassLoader(), new Class<?>[] {Node.class},
        (proxy, method, words) -> step((Integer) words[0], (Random) words[1]));
    static final Method reflected;
    static final List<DatagramChannel> kept = new ArrayList<>();
    static final List<String> stacks = new ArrayList<>();
    static final AtomicInteger toOpen = new AtomicInteger(), leaves = new AtomicInteger();
    static volatile int every = Integer.MAX_VALUE;
    static volatile boolean stop;
    static boolean yields;

    static {
        try {
            reflected = JavaStacks.class.getDeclaredMethod("step", int.class, Random.class);
        } catch (NoSuchMethodException e) {
            throw new Error(e);
        }
    }

    static int small(int depth, Random r) throws Exception { return smaller(depth, r); }
    static int smaller(int depth, Random r) throws Exception { return step(depth, r); }

    static int manyArguments(int depth, Random r, long a, double b, int c, int e, int f, int g, long h, Object o) throws Exception {
        int z = step(depth, r);
        return z + (int) (a + b + c + e + f + g + h) + o.hashCode() % 2;
    }

    static int byReflection(int depth, Random r) throws Exception { return (Integer) reflected.invoke(null, depth, r); }

    static int throwing(int depth, Random r) throws Exception {
        try {
            if (r.nextInt(2) == 0)
                throw new IllegalStateException();
            return step(depth, r);
        } catch (IllegalStateException e) {
            return step(depth, r);
        }
    }

    static int unchecked(int depth, Random r) {
        try {
            return step(depth, r);
        } catch (Exception e) {
            throw new RuntimeException(e);
        }
    }

    static int leaf() throws IOException {
        if (leaves.incrementAndGet() % every != 0 || toOpen.getAndDecrement() <= 0)
            return 0;
        if (yields)
            try { Thread.sleep(0, 1000); } catch (InterruptedException e) { }
        open();
        return 1;
    }

    static void open() throws IOException {
        StackTraceElement[] stack; DatagramChannel c;
        synchronized (kept) { stack = new Throwable().getStackTrace(); c = DatagramChannel.open(); }
        StringBuilder line = new StringBuilder();
        for (StackTraceElement e : stack)
            line.append(e.getClassName()).append('.').append(e.getMethodName()).append('(').append(e.getFileName()).append(':')
                .append(e.isNativeMethod() ? 0 : e.getLineNumber()).append(")\t");
        synchronized (kept) {
            kept.add(c);
            stacks.add(line.toString());
        }
    }

    public static int step(int depth, Random r) throws Exception {
        if (depth <= 0)
            return leaf();
        final int next = depth - 1;
        switch (r.nextInt(14)) {
        case 0: return small(next, r);
        case 1: return byReflection(next, r);
        case 2: { Callable<Integer> c = () -> step(next, r); return c.call(); }
        case 3: return Stream.of(1).map(i -> unchecked(next, r)).reduce(0, Integer::sum);
        case 4: return manyArguments(next, r, 1, 2, 3, 4, 5, 6, 7, "o");
        case 5: { int[] s = new int[1]; new TreeMap<>(Map.of(1, 2)).forEach((k, v) -> s[0] = unchecked(next, r)); return s[0]; }
        case 6: for (int i = 0; i < 2; i++) { if (i == 1) return step(next, r); sum += i; } return 0;
        case 7: return throwing(next, r);
        case 8: return byProxy.go(next, r);
        case 9: if (changing != null) return changing.go(next, r); // falls through
        default: return nodes[r.nextInt(nodes.length)].go(next, r);
        }
    }

    // A copy of a class by a loader of its own, soon to be unloaded; its arrival undoes what was compiled for fewer classes.
    static class Loader extends ClassLoader {
        Loader() { super(JavaStacks.class.getClassLoader()); }

        Node make() throws Exception {
            byte[] b = JavaStacks.class.getResourceAsStream("JavaStacks$Late.class").readAllBytes();
            Constructor<?> k = defineClass("JavaStacks$Late", b, 0, b.length).getDeclaredConstructor();
            k.setAccessible(true);
            return (Node) k.newInstance();
        }
    }

    static void churn() {
        try {
            for (int i = 0; !stop; i++) {
                changing = new Loader().make();
                if (i % 40 == 0)
                    System.gc();
                Thread.sleep(1);
            }
        } catch (Exception e) {
            e.printStackTrace();
        }
    }

    static void work(long seed) {
        Random r = new Random(seed);
        try {
            while (toOpen.get() > 0 || every == Integer.MAX_VALUE) {
                Random q = new Random(r.nextLong());
                step(2 + q.nextInt(22), q);
                if (every == Integer.MAX_VALUE && leaves.get() >= warmup)
                    every = 5;
            }
        } catch (Exception e) {
            e.printStackTrace();
        }
    }

    static int warmup;

    static Thread start(Runnable work, boolean virtual) throws Exception {
        if (!virtual) {
            Thread t = new Thread(work);
            t.start();
            return t;
        }
        Object builder = Thread.class.getMethod("ofVirtual").invoke(null);
        return (Thread) Class.forName("java.lang.Thread$Builder").getMethod("start", Runnable.class).invoke(builder, work);
    }

    public static void main(String[] a) throws Exception {
        List<String> how = List.of(a).subList(5, a.length);
        toOpen.set(Integer.parseInt(a[1]));
        warmup = Integer.parseInt(a[2]);
        yields = how.contains("yield");
        if (how.contains("churn")) {
            Thread t = new Thread(JavaStacks::churn);
            t.setDaemon(true);
            t.start();
        }
        Thread[] workers = new Thread[Integer.parseInt(a[4])];
        for (int i = 0; i < workers.length; i++) {
            long seed = Long.parseLong(a[3]) + i;
            workers[i] = start(() -> work(seed), how.contains("virtual"));
        }
        for (Thread t : workers)
            t.join();
        stop = true;
        try (PrintWriter out = new PrintWriter(a[0])) {
            for (String s : stacks)
                out.println(s);
        }
    }
}
