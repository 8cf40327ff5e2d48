// SPDX-License-Identifier: MIT
// Leaking.cs: asks a service with TcpClient; a client that was refused is left open.
//
//     mcs -debug Leaking.cs && sockleak run -- mono --debug Leaking.exe "$PORT"
using System;
using System.Collections.Generic;
using System.IO;
using System.Net.Sockets;

class Leaking
{
    static readonly List<TcpClient> refused = new List<TcpClient>();

    static bool LogIn(int port, string user)
    {
        var client = new TcpClient();
        client.Connect("127.0.0.1", port);
        var request = new StreamWriter(client.GetStream());
        request.WriteLine(user);
        request.Flush();
        if (new StreamReader(client.GetStream()).ReadLine() != "yes")
        {
            refused.Add(client); // to be looked at; nobody closes it
            return false;
        }
        client.Close();
        return true;
    }

    static void Main(string[] args)
    {
        foreach (var user in new[] { "bob", "eve", "joe", "ada" })
            LogIn(int.Parse(args[0]), user);
        Console.WriteLine(refused.Count + " were refused");
    }
}
