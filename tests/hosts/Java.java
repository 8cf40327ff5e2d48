// SPDX-License-Identifier: MIT
import java.io.*;
import java.net.*;
import java.net.http.*;
import java.nio.ByteBuffer;
import java.nio.channels.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;

public class Java {
    static final List<Object> kept = new ArrayList<>();

    static void answer(Socket s) {
        try (s) {
            var in = new BufferedReader(new InputStreamReader(s.getInputStream()));
            for (String line; (line = in.readLine()) != null && !line.isEmpty();) {}
            s.getOutputStream().write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n".getBytes());
        } catch (IOException e) {}
    }

    public static void main(String[] args) throws Exception {
        var loop = InetAddress.getByName("127.0.0.1");
        var server = new ServerSocket(0, 64, loop);
        var pool = Executors.newCachedThreadPool();
        var accepting = new Thread(() -> {
            try {
                while (true) { var s = server.accept(); pool.execute(() -> answer(s)); }
            } catch (IOException e) {}
        });
        accepting.start();
        var uri = URI.create("http://127.0.0.1:" + server.getLocalPort() + "/");
        int bytes = 0;
        for (int i = 0; i < 50; i++) {
            try (var s = new Socket(loop, server.getLocalPort())) {
                s.getOutputStream().write("GET / HTTP/1.1\r\n\r\n".getBytes());
                bytes += s.getInputStream().readAllBytes().length;
            }
        }
        System.out.println("blocking " + bytes);
        var client = HttpClient.newHttpClient();
        var all = new ArrayList<CompletableFuture<String>>();
        for (int i = 0; i < 30; i++)
            all.add(client.sendAsync(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString()).thenApply(HttpResponse::body));
        int n = 0;
        for (var f : all) n += f.get().length();
        System.out.println("HttpClient " + n);

        var listen = ServerSocketChannel.open().bind(new InetSocketAddress(loop, 0));
        int nio = 0;
        for (int i = 0; i < 30; i++) {
            var c = SocketChannel.open(listen.getLocalAddress());
            var s = listen.accept();
            s.write(ByteBuffer.wrap("ping".getBytes()));
            s.close();
            var b = ByteBuffer.allocate(16);
            while (c.read(b) >= 0) {}
            nio += b.position();
            c.close();
        }
        System.out.println("NIO " + nio);

        var c = new Socket(loop, ((InetSocketAddress) listen.getLocalAddress()).getPort());
        var s = listen.accept();
        var thrown = new CompletableFuture<String>();
        var reader = new Thread(() -> { try { c.getInputStream().read(); } catch (IOException e) { thrown.complete(e.getMessage()); } });
        reader.start();
        while (Arrays.stream(reader.getStackTrace()).noneMatch(f -> f.getMethodName().matches("read0|poll"))) Thread.sleep(10);
        c.close();
        System.out.println("closed while read: " + thrown.get(20, TimeUnit.SECONDS));
        s.close();
        System.out.println("child " + new String(new ProcessBuilder("/bin/echo", "x").start().getInputStream().readAllBytes()).trim());

        for (int i = 0; i < 3; i++) {
            kept.add(SocketChannel.open(listen.getLocalAddress()));
            listen.accept().close();
        }
        var told = new Socket(loop, ((InetSocketAddress) listen.getLocalAddress()).getPort());
        listen.accept().close();
        System.out.println("told " + told.getInputStream().read());
        kept.add(told);
        System.out.println("ready");
        while (!Files.exists(Path.of(args[0]))) Thread.sleep(50);
        Runtime.getRuntime().exit(6);
    }
}
