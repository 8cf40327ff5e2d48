// SPDX-License-Identifier: MIT

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

/** Cycle FRAMES ROUNDS: microseconds for one connection cycle, as cycle.c's, at that depth of Java's stack. */
public class Cycle {
    static final int OWN = 12; // main, measure, cycle, and what is below it down to the native call
    static ServerSocket listener;

    static void cycle() throws IOException {
        Socket client = new Socket(listener.getInetAddress(), listener.getLocalPort());
        Socket server = listener.accept();
        server.setSoLinger(true, 0);
        client.shutdownOutput();
        server.getInputStream().read();
        server.close();
        client.close();
    }

    static void deep(int n) throws IOException {
        if (n > 0)
            deep(n - 1);
        else
            cycle();
    }

    static double measure(int frames, int rounds) throws IOException {
        long begin = System.nanoTime();
        for (int i = 0; i < rounds; i++)
            deep(frames - OWN);
        return (System.nanoTime() - begin) / 1e3 / rounds;
    }

    public static void main(String[] args) throws IOException {
        int frames = Integer.parseInt(args[0]), rounds = Integer.parseInt(args[1]);
        listener = new ServerSocket(0, 1024, InetAddress.getLoopbackAddress());
        measure(frames, rounds / 2);
        System.out.printf("%.4f%n", measure(frames, rounds));
    }
}
