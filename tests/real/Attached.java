// SPDX-License-Identifier: MIT
// Attached.java STOPFILE: a server thread, a thread that only computes, and a client, until STOPFILE exists; one connection in a hundred is kept.
import java.io.*;
import java.net.*;
import java.util.*;

public class Attached {
    static volatile double result;

    static void daemon(Runnable r) {
        Thread t = new Thread(r);
        t.setDaemon(true);
        t.start();
    }

    static void serve(ServerSocket s) {
        try {
            for (;;)
                try (Socket c = s.accept()) {
                    c.getOutputStream().write("hi".getBytes());
                }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static void compute() {
        for (double x = 1;; x = Math.sin(x) + new byte[100].length)
            result = x;
    }

    public static void main(String[] args) throws Exception {
        ServerSocket s = new ServerSocket(0, 100, InetAddress.getLoopbackAddress());
        daemon(() -> serve(s));
        daemon(Attached::compute);
        List<Socket> kept = new ArrayList<>();
        int n = 0;
        System.out.println("ready");
        while (!new File(args[0]).exists()) {
            Socket c = new Socket(s.getInetAddress(), s.getLocalPort());
            InputStream in = c.getInputStream();
            if (in.read() != 'h' || in.read() != 'i' || in.read() != -1)
                throw new IOException("not what was sent");
            if (++n % 100 == 0)
                kept.add(c);
            else
                c.close();
        }
        System.out.println(n + " fine");
    }
}
