// SPDX-License-Identifier: MIT
// mono_leak.cs: two guilty functions and an innocent one. Arguments: how many of each; then what to do: exit, stay until a line comes, wait for one
// before all, or open them in a thread and exit.
using System;
using System.Collections.Generic;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace Shop
{
    class Leak
    {
        static readonly List<TcpClient> kept = new List<TcpClient>();
        static int port;

        static TcpClient Open()
        {
            var c = new TcpClient();
            c.Connect(IPAddress.Loopback, port);
            return c;
        }

        class Orders
        {
            internal static void Login()
            {
                var c = new TcpClient();
                c.Connect(IPAddress.Loopback, port);
                kept.Add(c);
            }
        }

        static void Prices()
        {
            var c = Open();
            c.GetStream().ReadByte();
            kept.Add(c);
        }

        static void Careful()
        {
            using (var c = Open())
                c.GetStream().ReadByte();
        }

        static void Accept(object listener)
        {
            for (;;)
                ((TcpListener)listener).AcceptTcpClient().Close();
        }

        static void Round(int n)
        {
            for (int i = 0; i < n; i++)
            {
                Orders.Login();
                Careful();
                Prices();
            }
        }

        static void Main(string[] args)
        {
            var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
            var server = new Thread(Accept) { IsBackground = true };
            server.Start(listener);
            var n = int.Parse(args[0]);
            if (args[1] == "wait")
            {
                Console.WriteLine("waiting");
                Console.ReadLine();
            }
            if (args[1] == "thread")
            {
                var t = new Thread(() => Round(n));
                t.Start();
                t.Join();
            }
            else
                Round(n);
            Console.WriteLine("ready");
            if (args[1] == "exit" || args[1] == "thread")
                Thread.Sleep(2500);
            else
                Console.ReadLine();
        }
    }
}
