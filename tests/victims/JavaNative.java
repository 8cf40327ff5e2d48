// SPDX-License-Identifier: MIT
// JavaNative.java: native code of the program's own that opens sockets, and that calls Java which does. usage: JavaNative LIBRARY
import java.nio.channels.DatagramChannel;
import java.util.ArrayList;
import java.util.List;

public class JavaNative {
    static final List<DatagramChannel> kept = new ArrayList<>();

    static native void opens();
    static native void around(boolean second);

    static void inner() throws Exception {
        kept.add(DatagramChannel.open());
    }

    public static void main(String[] args) {
        System.load(args[0]);
        opens();
        for (int i = 0; i < 3; i++)
            around(i == 2);
    }
}
