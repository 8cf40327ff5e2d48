# SPDX-License-Identifier: MIT
# fixed.rb: the same with a block, at whose end the connection is finished on both ways.
#
#     sockleak run -- ruby fixed.rb "$URL"
require 'net/http'

URL = URI(ARGV[0])
REFUSED = []

def log_in(user)
  Net::HTTP.start(URL.host, URL.port) do |http|
    reply = http.get("/#{user}")
    next reply.body if reply.code == '200'
    REFUSED << reply
    nil
  end
end

%w[ada bob eve joe].each { |user| log_in(user) }
puts "#{REFUSED.size} were refused"
