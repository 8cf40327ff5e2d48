// SPDX-License-Identifier: MIT
// Fixed.java: as Leaking.java, but the body of what was refused is read to its end, and closed.
//
//     javac Fixed.java && sockleak run -- java Fixed "$URL"
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.util.ArrayList;
import java.util.List;

public class Fixed {
    static final List<HttpURLConnection> refused = new ArrayList<>();

    static String logIn(String url, String user) throws IOException {
        HttpURLConnection reply = (HttpURLConnection) new URL(url + user).openConnection();
        if (reply.getResponseCode() != 200) {
            refused.add(reply);
            try (InputStream body = reply.getErrorStream()) {
                body.readAllBytes();
            }
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
