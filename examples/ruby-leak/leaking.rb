# SPDX-License-Identifier: MIT
# leaking.rb: asks a service over HTTP with Net::HTTP; the connections that were refused are never finished.
#
#     sockleak run -- ruby leaking.rb "$URL"
require 'net/http'

URL = URI(ARGV[0])
REFUSED = []

def log_in(user)
  http = Net::HTTP.start(URL.host, URL.port)
  reply = http.get("/#{user}")
  if reply.code != '200'
    REFUSED << http # to be looked at; nobody finishes it
    return nil
  end
  http.finish
  reply.body
end

%w[ada bob eve joe].each { |user| log_in(user) }
puts "#{REFUSED.size} were refused"
