// SPDX-License-Identifier: MIT
// Leaking.java: asks a service over HTTP with HttpURLConnection; what was refused is kept to be looked at, and so is its connection.
//
//     javac Leaking.java && sockleak run -- java Leaking "$URL"
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.util.ArrayList;
import java.util.List;

public class Leaking {
    static final List<HttpURLConnection> refused = new ArrayList<>();

    static String logIn(String url, String user) throws IOException {
        HttpURLConnection reply = (HttpURLConnection) new URL(url + user).openConnection();
        if (reply.getResponseCode() != 200) {
            refused.add(reply); // its error stream is never read, nor closed
            return null;
        }
        try (InputStream body = reply.getInputStream()) {
            return new String(body.readAllBytes());
        }
    }

    public static void main(String[] args) throws IOException {
        for (String user : List.of("ada", "bob", "eve", "joe"))
            logIn(args[0], user);
        System.out.println(refused.size() + " were refused");
    }
}
