<?php
/*
 * php_stacks.php SEED COUNT FOLDER: opens COUNT sockets in random stacks, and prints for each its local
 * port and the stack that debug_backtrace has: "PORT<TAB>function file:line|function file:line...".
 *
 * Files to include are made in FOLDER. "ready" is the last line; then it waits for its standard input's end.
 */
[$seed, $count, $folder] = [(int) $argv[1], (int) $argv[2], $argv[3]];
mt_srand($seed);

function whole_name(array $f): string
{
    if (in_array($f['function'], ['include', 'include_once', 'require', 'require_once', 'eval'], true) && !isset($f['class']))
        return '{main}';
    $class = isset($f['class']) ? strstr($f['class'] . "\0", "\0", true) . '::' : '';
    return $class . preg_replace('~^((?:\{closure:)+).*/~', '$1', $f['function']);
}

/* The frames that have a line; the line where one is called belongs to the next. */
function frames(array $trace): string
{
    $frames = [];
    foreach ($trace as $i => $f)
        if (isset($f['file']))
            $frames[] = (isset($trace[$i + 1]) ? whole_name($trace[$i + 1]) : '{main}') . " $f[file]:$f[line]";
    return implode('|', $frames);
}

/* Each step has its own way to call the next one. */
class Steps implements IteratorAggregate, ArrayAccess, Countable
{
    private static array $kept = [];
    public int $left;
    function __construct(int $left) { $this->left = $left; }
    static function leaf(): void
    {
        $s = stream_socket_client('udp://127.0.0.1:9'); $t = debug_backtrace(DEBUG_BACKTRACE_IGNORE_ARGS); $l = __LINE__;
        self::$kept[] = $s;
        array_unshift($t, ['file' => __FILE__, 'line' => $l]);
        echo substr(strrchr(stream_socket_get_name($s, false), ':'), 1), "\t", frames($t), "\n";
    }
    function next(): void { step($this->left - 1); }
    function getIterator(): Iterator { $this->next(); return new ArrayIterator([1]); }
    #[ReturnTypeWillChange]
    function offsetGet($i) { $this->next(); return 1; }
    function offsetSet($i, $v): void { $this->next(); }
    function offsetExists($i): bool { $this->next(); return true; }
    function offsetUnset($i): void { $this->next(); }
    function count(): int { $this->next(); return 1; }
    function __call($name, $args) { $this->next(); }
    static function __callStatic($name, $args) { (new self($args[0]))->next(); }
    function __get($name) { $this->next(); return 1; }
    function __set($name, $value) { $this->next(); }
    function __toString(): string { $this->next(); return 'x'; }
    function __invoke(): void { $this->next(); }
    static function fixed(int $left): void { step($left - 1); }
}

class Dying
{
    private int $left;
    function __construct(int $left) { $this->left = $left; }
    function __destruct() { step($this->left - 1); }
}

trait Shared
{
    function shared(int $left): void { step($left - 1); }
}
class One { use Shared; }
class Two { use Shared; }

function numbers(int $left)
{
    yield 1;
    step($left - 1);
    yield 2;
}
function delegating(int $left) { yield from numbers($left); }
function twice_delegating(int $left)
{
    yield 0;
    yield from
        delegating($left);
}
function throws(int $left)
{
    $d = new Dying($left);
    throw new RuntimeException('thrown with a live object');
}
function recurse(int $depth, int $left) { $depth ? recurse($depth - 1, $left) : step($left - 1); }
function by_default(int $left, $s = null) { step($left - 1); }

function made_file(string $text): string
{
    global $folder;
    $file = $folder . '/made_' . substr(md5($text), 0, 6) . '.php';
    file_exists($file) || file_put_contents($file, $text);
    return $file;
}

set_error_handler(function ($number, $text) {
    if (preg_match('/left (\d+)/', $text, $m))
        step((int) $m[1] - 1);
    return true;
});
spl_autoload_register(function ($name) {
    if (preg_match('/^Absent(\d+)_/', $name, $m))
        step((int) $m[1] - 1);
});

$ways = [
    function (int $n) { step($n - 1); },
    fn (int $n) => step($n - 1),
    function (int $n) { Steps::fixed($n); },
    function (int $n) { (new Steps($n))->next(); },
    function (int $n) { (new Steps($n))->anything(); },
    function (int $n) { Steps::anything($n); },
    function (int $n) { $o = new Steps($n); $v = $o->absent; },
    function (int $n) { $o = new Steps($n); $o->absent = 1; },
    function (int $n) { $o = new Steps($n); $v = "a$o"; },
    function (int $n) { $o = new Steps($n); $v = $o[3]; },
    function (int $n) { $o = new Steps($n); $o[3] = 4; },
    function (int $n) { $o = new Steps($n); $v = isset($o[3]); },
    function (int $n) { $o = new Steps($n); unset($o[3]); },
    function (int $n) { $o = new Steps($n); $v = count($o); },
    function (int $n) { $o = new Steps($n); $o(); },
    function (int $n) {
        foreach (new Steps($n) as $v)
            ;
    },
    function (int $n) { array_map(function ($v) { step($v - 1); }, [$n]); },
    function (int $n) { array_map('by_default', [$n]); },
    function (int $n) { call_user_func([new Steps($n), 'next']); },
    function (int $n) { call_user_func_array('Steps::fixed', [$n]); },
    function (int $n) { $a = [1, 2]; usort($a, function ($x, $y) use ($n) { static $done; $done or $done = (bool) step($n - 1) || true; return $x - $y; }); },
    function (int $n) { preg_replace_callback('/b/', function ($m) use ($n) { step($n - 1); return ''; }, 'abc'); },
    function (int $n) {
        foreach (numbers($n) as $v)
            ;
    },
    function (int $n) {
        foreach (delegating($n) as $v)
            ;
    },
    function (int $n) {
        $g = twice_delegating($n);
        while ($g->valid())
            $g->next();
    },
    function (int $n) { iterator_to_array(twice_delegating($n), false); },
    function (int $n) { array_walk($GLOBALS['one'], function () use ($n) { step($n - 1); }); },
    function (int $n) { $d = new Dying($n); unset($d); },
    function (int $n) { $d = new Dying($n); $d = null; },
    function (int $n) { $d = new Dying($n); },
    function (int $n) {
        try {
            throws($n);
        } catch (RuntimeException $e) {
        }
    },
    function (int $n) {
        try {
            throw new LogicException('x');
        } catch (LogicException $e) {
            step($n - 1);
        }
    },
    function (int $n) {
        try {
            return 1;
        } finally {
            step($n - 1);
        }
    },
    function (int $n) { eval("\n\nstep($n - 1);"); },
    function (int $n) { include made_file("<?php\n\n\nstep($n - 1);\n"); },
    function (int $n) { (require made_file('<?php return function ($n) {' . "\n step(\$n - 1); };"))($n); },
    function (int $n) { trigger_error("left $n"); },
    function (int $n) { $v = ${"left $n"}; },
    function (int $n) { class_exists('Absent' . $n . '_' . mt_rand()); },
    function (int $n) { recurse(mt_rand(0, 3) ? mt_rand(1, 12) : mt_rand(60, 300), $n); },
    function (int $n) { (new One)->shared($n); },
    function (int $n) { (new Two)->shared($n); },
    function (int $n) { (new class($n) extends Steps { function next(): void { parent::next(); } })->next(); },
    function (int $n) { (new class { function f($n) { step($n - 1); } })->f($n); },
    function (int $n) { (Closure::bind(static function ($n) { step($n - 1); }, null, Two::class))($n); },
    function (int $n) { Closure::fromCallable([new Steps($n), 'next'])(); },
    function (int $n) { (new ReflectionMethod('Steps', 'fixed'))->invoke(null, $n); },
    function (int $n) { ob_start(function ($b) { return $b; }); ob_end_clean(); step($n - 1); },
];
$one = [1];
if (PHP_VERSION_ID >= 80100)
    require __DIR__ . '/php_stacks_81.php';

function step(int $left)
{
    global $ways;
    if ($left <= 0)
        Steps::leaf();
    else
        $ways[mt_rand(0, count($ways) - 1)]($left);
}

for ($i = 0; $i < $count; $i++)
    mt_rand(0, 99) ? step(mt_rand(1, 8)) : Steps::leaf();
echo "ready\n";
fgets(STDIN);
