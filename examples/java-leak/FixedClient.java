// SPDX-License-Identifier: MIT
// FixedClient.java: as LeakingClient.java, but the body of what was refused is closed.
//
//     javac FixedClient.java && sockleak run -- java FixedClient "$URL"
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;

public class FixedClient {
    static final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    static final List<HttpResponse<InputStream>> refused = new ArrayList<>();

    static String logIn(String url, String user) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + user)).build();
        HttpResponse<InputStream> reply = client.send(request, HttpResponse.BodyHandlers.ofInputStream());
        if (reply.statusCode() != 200) {
            refused.add(reply);
            reply.body().close();
            return null;
        }
        try (InputStream body = reply.body()) {
            return new String(body.readAllBytes());
        }
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        for (String user : List.of("ada", "bob", "eve", "joe"))
            logIn(args[0], user);
        System.out.println(refused.size() + " were refused");
    }
}
