// SPDX-License-Identifier: MIT
// JavaLeaks.java: two functions leak connections that their peer has closed, three and two of them, and one closes its four.
//
// usage: JavaLeaks HOW [wait]
//
// HOW: plain; fixed: all close; threads: each in a thread of its own; lambdas; reflection: guiltyA is called forty times; initializer: opened while a
// class is initialized, so the virtual machine itself calls Java; deoptimized: one of an accept, in which the compiled code of its callers is undone;
// late: waits for a line before it begins. wait: until the input ends.
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

public class JavaLeaks {
    interface Call { void run() throws Exception; }

    static final List<Socket> kept = Collections.synchronizedList(new ArrayList<>());
    static boolean fixed;
    static ServerSocket server;

    static Socket connect() throws IOException {
        Socket s = new Socket(server.getInetAddress(), server.getLocalPort());
        s.getInputStream().read();
        return s;
    }

    public static void guiltyA() throws IOException {
        keep(connect());
    }

    static void guiltyB() throws IOException {
        keep(connect());
    }

    static void innocent() throws IOException {
        connect().close();
    }

    static void keep(Socket s) throws IOException {
        if (fixed)
            s.close();
        else
            kept.add(s);
    }

    static class AtStart {
        static {
            try {
                guiltyA();
            } catch (IOException e) {
                throw new Error(e);
            }
        }
        static void touch() { }
    }

    // While there is one class for it, a call of nth is compiled as a call of Only's.
    public abstract static class Nested {
        abstract int nth(int depth) throws IOException;
    }
    public static class Only extends Nested {
        int nth(int depth) throws IOException { return around(depth) + 1; }
    }
    public static class Another extends Nested {
        int nth(int depth) { return depth; }
    }
    static Nested nested = new Only();
    static ServerSocket own;
    static volatile boolean waits;

    static int around(int depth) throws IOException {
        if (depth == 0)
            return own == null ? 0 : acceptOne();
        return nested.nth(depth - 1) * 3;
    }

    static int acceptOne() throws IOException {
        waits = true;
        kept.add(own.accept());
        return 1;
    }

    static void deoptimized() throws Exception {
        for (int i = 0; i < 200000; i++)
            around(5);
        own = new ServerSocket(0, 64, InetAddress.getLoopbackAddress());
        Thread t = new Thread(() -> {
            try {
                around(5);
            } catch (IOException e) {
                throw new RuntimeException(e);
            }
        });
        t.start();
        while (!waits || t.getStackTrace().length == 0 || !t.getStackTrace()[0].isNativeMethod())
            Thread.sleep(10);
        new Another().nth(1); // loads the class
        new Socket(own.getInetAddress(), own.getLocalPort()).close();
        t.join();
    }

    static void inThread(Call call) throws Exception {
        Thread t = new Thread(() -> {
            try {
                call.run();
            } catch (Exception e) {
                throw new RuntimeException(e);
            }
        });
        t.start();
        t.join();
    }

    static void all(String how) throws Exception {
        for (int i = 0; i < 4; i++) {
            if (i < 3)
                switch (how) {
                case "threads": inThread(JavaLeaks::guiltyA); break;
                case "lambdas": List.of(1).forEach(x -> { try { guiltyA(); } catch (IOException e) { throw new RuntimeException(e); } }); break;
                case "initializer": break;
                default: guiltyA();
                }
            if (i < 2 && how.equals("threads"))
                inThread(JavaLeaks::guiltyB);
            else if (i < 2)
                guiltyB();
            innocent();
        }
    }

    public static void main(String[] a) throws Exception {
        server = new ServerSocket(0, 64, InetAddress.getLoopbackAddress());
        Thread t = new Thread(() -> {
            try {
                for (;;)
                    server.accept().close();
            } catch (IOException e) {
            }
        });
        t.setDaemon(true);
        t.start();
        fixed = a[0].equals("fixed");
        if (a[0].equals("late")) {
            System.out.println("begun");
            while (System.in.read() != '\n')
                ;
        }
        if (a[0].equals("initializer"))
            AtStart.touch();
        if (a[0].equals("deoptimized"))
            deoptimized();
        else if (a[0].equals("reflection"))
            for (int i = 0; i < 40; i++)
                JavaLeaks.class.getMethod("guiltyA").invoke(null);
        else
            all(a[0]);
        System.out.println("ready");
        if (a.length > 1)
            while (System.in.read() >= 0)
                ;
    }
}
