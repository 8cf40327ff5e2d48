// SPDX-License-Identifier: MIT
// Service.java: the service that the programs ask: it refuses all but one user, and closes the connection. Prints where it listens. With a number: the page of
// who is refused has so many lines.
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

public class Service {
    static void answer(Socket s, int lines) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
        String request = in.readLine(), line = request;
        while (line != null && !line.isEmpty())
            line = in.readLine();
        boolean allowed = request != null && request.contains("/ada");
        String page = allowed ? "yes\n" : "no\n".repeat(lines);
        String head = "HTTP/1.1 " + (allowed ? "200 OK" : "403 Forbidden") + "\r\nContent-Length: " + page.length() + "\r\nConnection: close\r\n\r\n";
        s.getOutputStream().write((head + page).getBytes());
    }

    public static void main(String[] args) throws IOException {
        int lines = args.length > 0 ? Integer.parseInt(args[0]) : 1;
        try (ServerSocket server = new ServerSocket(0, 64, InetAddress.getLoopbackAddress())) {
            System.out.println("http://127.0.0.1:" + server.getLocalPort() + "/");
            for (;;)
                try (Socket s = server.accept()) {
                    answer(s, lines);
                }
        }
    }
}
