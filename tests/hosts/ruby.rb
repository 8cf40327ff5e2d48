# SPDX-License-Identifier: MIT
require 'net/http'
require 'open3'
require 'socket'
$stdout.sync = true
server = TCPServer.new('127.0.0.1', 0)
port = server.addr[1]
Thread.new do
  loop do
    Thread.new(server.accept) do |c|
      line = c.gets
      while (h = c.gets) && h != "\r\n"; end
      c.write "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n" if line
      c.close
    end
  end
end
sums = 4.times.map { Thread.new { 25.times.sum { Net::HTTP.get('127.0.0.1', '/', port).size } } }.map(&:value)
puts "bytes #{sums.sum}"
puts "spawned #{`echo hello`.strip} #{Open3.capture2('cat', stdin_data: 'x').first}"
r, w = IO.pipe
pid = fork { r.close; a, b = UNIXSocket.pair; a.puts 'through'; w.puts b.gets; exit! 0 }
w.close
puts r.gets
Process.wait pid
puts "child #{$?.exitstatus}"
begin
  TCPSocket.new('127.0.0.1', 1)
rescue SystemCallError => e
  puts e.class
end
l = TCPServer.new('127.0.0.1', 0)
$keep = 4.times.map { c = TCPSocket.new('127.0.0.1', l.addr[1]); l.accept.close; c }
$keep[0].read
puts 'ready'
sleep 0.05 until File.exist?(ARGV[0])
exit! 5
