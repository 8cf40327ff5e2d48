# SPDX-License-Identifier: MIT
# service.rb: the service that both programs ask: it refuses all but one user, and closes the connection. Prints where it listens.
require 'socket'

listener = TCPServer.new('127.0.0.1', 0)
$stdout.sync = true
puts "http://127.0.0.1:#{listener.addr[1]}/"
loop do
  client = listener.accept
  first = client.gets.to_s
  nil until client.gets.to_s.strip.empty?
  client.write("HTTP/1.1 #{first.include?('ada') ? '200 OK' : '403 Forbidden'}\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nno\n")
  client.close
end
