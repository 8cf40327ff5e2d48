// SPDX-License-Identifier: MIT
// Service.java: the service that both programs ask: it refuses all but one user, and closes the connection. Prints where it listens.
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

public class Service {
    static void answer(Socket s) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
        String request = in.readLine(), line = request;
        while (line != null && !line.isEmpty())
            line = in.readLine();
        String status = request != null && request.contains("/ada") ? "200 OK" : "403 Forbidden";
        s.getOutputStream().write(("HTTP/1.1 " + status + "\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n").getBytes());
    }

    public static void main(String[] args) throws IOException {
        try (ServerSocket server = new ServerSocket(0, 64, InetAddress.getLoopbackAddress())) {
            System.out.println("http://127.0.0.1:" + server.getLocalPort() + "/");
            for (;;)
                try (Socket s = server.accept()) {
                    answer(s);
                }
        }
    }
}
