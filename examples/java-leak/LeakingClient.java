// SPDX-License-Identifier: MIT
// LeakingClient.java: asks a service with java.net.http.HttpClient; what was refused is kept to be looked at, and so is its connection.
//
//     javac LeakingClient.java && sockleak run -- java LeakingClient "$URL"
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;

public class LeakingClient {
    static final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    static final List<HttpResponse<InputStream>> refused = new ArrayList<>();

    static String logIn(String url, String user) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + user)).build();
        HttpResponse<InputStream> reply = client.send(request, HttpResponse.BodyHandlers.ofInputStream());
        if (reply.statusCode() != 200) {
            refused.add(reply); // its body is never read to its end, nor closed
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
