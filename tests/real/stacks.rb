# SPDX-License-Identifier: MIT
# stacks.rb: calls itself in many ways at random, and opens a socket in each stack. Writes the descriptor and what caller_locations says of the stack to FILE, a
# line each; without the methods that C implements.
#
# usage: ruby stacks.rb SEED STACKS FOLDER FILE [churn]    FOLDER: for files of its own, which it loads. churn: code is made and freed all the time
require 'socket'

seed, $stacks, $folder, file, churn = ARGV
RANDOM = Random.new(seed.to_i)
KEPT = []
trap('USR1', 'IGNORE') # one that waits until its handler is gone
$out = File.open(file, 'w')
$left = 0
$files = 0
IN_C = %w[each map times new send __send__ public_send instance_eval instance_exec class_eval module_eval class_exec call eval require load require_relative
  catch sort sort_by inject sum resume each_with_index each_slice gsub each_entry then join value select any? all? find zip upto step fetch puts inspect p
  each_pair to_proc yield curry loop + == === <=> to_s [] []= call coerce min_by max_by each_with_object group_by flat_map reverse_each collect fork backtick
  warn raise trap kill synchronize with_index next rewind each_char scan define_method bind_call instance_variable_get Integer format Array const_get
  autoload require_relative include extend prepend hash eql? uniq take_while lazy first to_a force generator enumerator size freeze sleep initialize_copy dup clone initialize
  instance_exec exec raise includes included times yield << > bind then tap new first attach compact start each_object method unbind method_missing at_exit
  define_singleton_method made].to_h { |n| [n, true] }

# 3.4 has the class in a label
def leaf
  socket = Socket.new(:INET, :STREAM); line = __LINE__
  KEPT << socket
  frames = caller_locations(0).map { |l| [l.label.sub(/(\A| in )[A-Z]\w*(?:::[A-Z]\w*)*[.#]/, '\1'), l.path, l.lineno] }
  frames.shift while frames[0][0] != 'leaf'
  frames[0][2] = line
  # what C implements is where its caller is
  frames = frames.each_with_index.reject { |f, i| !f[1] || (IN_C[f[0]] && frames[i + 1] && frames[i + 1][1..2] == f[1..2]) }.map(&:first)
  $out.puts [socket.fileno, *frames].join("\t")
end

def go
  return leaf if $left == 0
  kept = $left
  $left -= 1
  begin
    WAYS[RANDOM.rand(WAYS.size)].call
  ensure
    $left = kept
  end
end

def by_name; go end
def with_block
  yield
end
def deep(n)
  n == 0 ? go : deep(n - 1)
end
def optional(a = go, *rest, key: 1, **more, &block)
  a
end
def rescues
  raise 'x'
rescue => e
  go
end
def ensures
  1
ensure
  go
end
def retries
  tries ||= 0
  tries += 1
  raise 'x' if tries < 2
  go
rescue
  retry
end
def loops
  i = 0
  while i < 1
    until i > 0
      for x in [1]
        go
      end
      i += 1
    end
  end
end
def matches(x)
  case x
  in {a: Integer => n} if n == 1
    go
  in [1, *]
    by_name
  else
    go
  end
end
def long_call
  [
    1,
    go,
    2,
  ].first ||
    deep(
      1
    )
end
class Thing
  include Comparable
  include Enumerable
  attr_reader :n

  def initialize(n = 1)
    @n = n
    go if n == 7
  end
  def self.made; new(7) end
  class << self
    def singleton; go end
    define_method(:defined) { go }
  end
  def method_missing(name, *args)
    name == :absent ? go : super
  end
  def respond_to_missing?(name, all = false); name == :absent end
  def <=>(other)
    go
    n <=> other.n
  end
  def +(other)
    go
    self
  end
  def to_s
    go
    'thing'
  end
  def each
    go
    yield 1
  end
  def hash
    go
    1
  end
  def eql?(other); true end
  def coerce(other)
    go
    [1, 2]
  end
  def to_proc; ->(x) { go } end
  def ===(other)
    go
    true
  end
end
class Other < Thing
  def initialize
    super(7)
  end
end
module Mixed
  def self.included(base)
    go
  end
  module_function
  def inside; go end
end
module Refined
  refine Integer do
    def refined; go end
  end
end
using Refined
private def hidden; go end

def load_file(text)
  name = "#{$folder}/f#{$files += 1}.rb"
  File.write(name, text)
  load name
end

WAYS = [
  -> { by_name },
  -> { with_block { go } },
  -> { with_block do
    by_name
  end },
  -> { deep(RANDOM.rand(5)) },
  -> { optional },
  -> { rescues },
  -> { ensures },
  -> { retries },
  -> { loops },
  -> { matches({a: 1}) },
  -> { matches([1, 2]) },
  -> { matches(3) },
  -> { long_call },
  -> { Thing.made },
  -> { Other.new },
  -> { Thing.singleton },
  -> { Thing.defined },
  -> { Thing.new.absent },
  -> { [Thing.new(2), Thing.new(1)].sort },
  -> { Thing.new(2) > Thing.new(1) },
  -> { Thing.new + 1 },
  -> { "#{Thing.new}" },
  -> { Thing.new.map { |x| x } },
  -> { Thing.new.each_slice(2) { |x| go } },
  -> { {Thing.new => 1} },
  -> { 1 + Thing.new },
  -> { [1].each(&Thing.new) },
  -> { case 1 when Thing.new then 1 end },
  -> { Class.new { include Mixed } },
  -> { Mixed.inside },
  -> { 1.refined },
  -> { hidden },
  -> { send(:by_name) },
  -> { method(:by_name).call },
  -> { method(:by_name).unbind.bind(self).call },
  -> { [1].each(&method(:one)) },
  -> { [self].each(&:by_self) },
  -> { instance_eval { go } },
  -> { instance_exec(1) { |x| go } },
  -> { Thing.class_eval { go } },
  -> { eval('go') },
  -> { eval("\n\ngo", binding, 'made.rb', 10) },
  -> { instance_eval("by_name", 'by.rb', 3) },
  -> { Thing.class_eval("def self.made_here\n  go\nend", 'methods.rb', 70); Thing.made_here },
  -> { eval("def made#{$files += 1}\n\n go\nend\nmade#{$files}") },
  -> { load_file("\n\ngo\n") },
  -> { load_file("class InFile\n  def self.call_it; go end\nend\n\nInFile.call_it\n") },
  -> { load_file("module M\n  class C\n    go\n  end\nend\n") },
  -> { load_file("BEGIN { go }\n") },
  -> { [3, 1].sort_by { |x| go; x } },
  -> { [1, 2].inject { |a, b| go; b } },
  -> { 1.times { go } },
  -> { [1].map { |x| [2].map { |y| by_name } } },
  -> { {a: 1}.each_pair { |k, v| go } },
  -> { 'x'.gsub(/x/) { go; 'y' } },
  -> { catch(:done) { go; throw :done } },
  -> { loop { go; break } },
  -> { 1.then { |x| go } },
  -> { 1.tap { |x| go } },
  -> { Fiber.new { go }.resume },
  -> { Fiber.new { Fiber.yield; by_name }.tap(&:resume).resume },
  -> { Enumerator.new { |y| go; y << 1 }.next },
  -> { [1, 2].lazy.map { |x| go; x }.first(1) },
  -> { Thread.new { go }.join },
  -> { Thread.new { [1].each { by_name } }.value },
  -> { proc { |x| go }.call },
  -> { ->(x, y) { go }.curry[1][2] },
  -> { define_singleton_method(:single) { go }; single },
  -> { Mutex.new.synchronize { go } },
  -> { ObjectSpace.each_object(Class).first(1).each { go } },
  -> { begin; raise 'x'; rescue; by_name; end },
  -> { begin; Integer('x'); rescue ArgumentError => e; go; ensure; 1; end },
  -> { x = [1, 2]; a, b = x.map { |v| go; v } },
  -> { GC.start if RANDOM.rand(20) == 0; go },
  -> { old = trap('USR1') { $left = 0; go }; Process.kill('USR1', $$); sleep 0.001; trap('USR1', old || 'IGNORE') },
  -> { Module.new { def self.const_missing(n) go end; const_get(:Nothing) } },
]
class Object
  def one(x); go end
  def by_self; go end
end

$stacks.to_i.times do
  $left = 1 + RANDOM.rand(9)
  go
  next unless churn
  20.times { |i| eval("def churned#{i}\n  #{'1;' * RANDOM.rand(9)}\nend") }
  GC.start if RANDOM.rand(5) == 0
  GC.compact if RANDOM.rand(20) == 0 && GC.respond_to?(:compact)
end
at_exit { leaf }
$left = 0
