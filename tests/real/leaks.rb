# SPDX-License-Identifier: MIT
# leaks.rb: two methods lose their connections, a third closes its own; the server is the program itself, and closes all. All connect in one and the same place.
#
# usage: ruby leaks.rb [MODE]    "": at once, and ends. wait: says "ready", then reads a line, works, says "done", and waits for the end of its input.
#        threads: works in two threads. fiber, fork: in a fiber, in a child. exit, raise, at_exit: works, and ends in that way within a method.
#        quick: works, and leaves out what Ruby does at its end.
require 'socket'

KEPT = []
LISTENER = TCPServer.new('127.0.0.1', 0)
$stdout.sync = true

def dial
  s = TCPSocket.new('127.0.0.1', LISTENER.addr[1])
  LISTENER.accept.close
  s.read(1)
  s
end

def guilty_login
  KEPT << dial
end

class Cache
  def guilty_refresh(times)
    times.times { KEPT << dial }
  end
end

def innocent_check; dial.close end

def work
  3.times { guilty_login }
  Cache.new.guilty_refresh(2)
  4.times { innocent_check }
end

def inner
  work
  yield
end

case ARGV[0]
when 'wait'
  puts 'ready'
  $stdin.gets
  work
  puts 'done'
  $stdin.gets
when 'threads' then 2.times.map { Thread.new { work } }.each(&:join)
when 'fiber' then Fiber.new { work }.resume
when 'fork' then Process.wait(fork { work })
when 'exit' then inner { exit 0 }
when 'raise' then inner { raise 'the end' }
when 'at_exit' then at_exit { work }
when 'quick'
  work
  exit! 0
else
  work
end
