// SPDX-License-Identifier: MIT
// Fixed.cs: the same with the client in a using statement, which closes it on both ways.
//
//     mcs -debug Fixed.cs && sockleak run -- mono --debug Fixed.exe "$PORT"
using System;
using System.Collections.Generic;
using System.IO;
using System.Net.Sockets;

class Fixed
{
    static readonly List<string> refused = new List<string>();

    static bool LogIn(int port, string user)
    {
        using (var client = new TcpClient())
        {
            client.Connect("127.0.0.1", port);
            var request = new StreamWriter(client.GetStream());
            request.WriteLine(user);
            request.Flush();
            if (new StreamReader(client.GetStream()).ReadLine() != "yes")
            {
                refused.Add(user);
                return false;
            }
            return true;
        }
    }

    static void Main(string[] args)
    {
        foreach (var user in new[] { "bob", "eve", "joe", "ada" })
            LogIn(int.Parse(args[0]), user);
        Console.WriteLine(refused.Count + " were refused");
    }
}
