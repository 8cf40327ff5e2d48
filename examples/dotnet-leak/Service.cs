// SPDX-License-Identifier: MIT
// Service.cs: the service that both programs ask: it refuses all but one user, and closes the connection. Prints the port on which it listens.
using System;
using System.IO;
using System.Net;
using System.Net.Sockets;

class Service
{
    static void Main()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Console.WriteLine(((IPEndPoint)listener.LocalEndpoint).Port);
        for (;;)
            using (var client = listener.AcceptTcpClient())
            using (var stream = client.GetStream())
            {
                var user = new StreamReader(stream).ReadLine();
                var reply = new StreamWriter(stream);
                reply.WriteLine(user == "ada" ? "yes" : "no");
                reply.Flush();
            }
    }
}
