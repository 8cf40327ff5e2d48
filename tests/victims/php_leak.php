<?php
/*
 * php_leak.php: two guilty functions, three and two leaks, and an innocent one, called in one way or another.
 *
 * usage: php_leak.php HOW [WAIT]
 *
 * With WAIT it says "ready" and lives until the end of its input. HOW:
 *   plain, generators, fork
 *   late                          nothing is opened before a first line of input
 *   fixed                         closes all
 *   exits                         by exit(), while a function has all of them
 *   destructor, shutdown, unset   closes at the end: in a destructor, in a function for the end, by destroying what holds them in one
 *   curl, mysqli, redis           with the extension, to the server at port $PORT
 */
final class Server
{
    private static $listener;
    static function address(): string
    {
        self::$listener = self::$listener ?? stream_socket_server('tcp://127.0.0.1:0');
        return 'tcp://' . stream_socket_get_name(self::$listener, false);
    }
    static function leave($client): void { fclose(stream_socket_accept(self::$listener)); fread($client, 1); }
}

class Pool
{
    public array $kept = [];
    function guilty_a(): void
    {
        $this->kept[] = $s = stream_socket_client(Server::address());
        Server::leave($s);
    }
}

class Closing extends Pool
{
    function __destruct() { array_map('fclose', $this->kept); }
}

function guilty_b(Pool $pool): void
{
    $pool->kept[] = $s = stream_socket_client(Server::address());
    Server::leave($s);
}

function innocent(): void
{
    $s = stream_socket_client(Server::address());
    Server::leave($s);
    fclose($s);
}

function plain(Pool $pool): void
{
    for ($i = 0; $i < 3; $i++)
        $pool->guilty_a();
    for ($i = 0; $i < 2; $i++)
        guilty_b($pool);
    for ($i = 0; $i < 4; $i++)
        innocent();
}

function steps(Pool $pool)
{
    for ($i = 0; $i < 3; $i++)
        yield $pool->guilty_a();
    for ($i = 0; $i < 2; $i++)
        yield (function () use ($pool) { guilty_b($pool); })();
    yield innocent();
}
function delegates(Pool $pool) { yield from steps($pool); }

function exits(): void
{
    $pool = new Pool;
    plain($pool);
    exit(0);
}

/* Three that are kept, opened by the library of an extension. When one more was served, the server has closed them. */
function curl_ask()
{
    $c = curl_init('http://127.0.0.1:' . getenv('PORT') . '/');
    curl_setopt($c, CURLOPT_RETURNTRANSFER, true);
    curl_exec($c);
    return $c;
}
function curl(): array
{
    $kept = [];
    for ($i = 0; $i < 3; $i++)
        $kept[] = curl_ask();
    curl_ask();
    return $kept;
}
function mysqli(): array
{
    $kept = [];
    for ($i = 0; $i < 3; $i++)
        $kept[] = new mysqli('127.0.0.1', 'user', 'secret', '', (int) getenv('PORT'));
    new mysqli('127.0.0.1', 'user', 'secret', '', (int) getenv('PORT'));
    return $kept;
}
function redis(): array
{
    $kept = [];
    for ($i = 0; $i < 3; $i++) {
        $kept[] = $r = new Redis;
        $r->connect('127.0.0.1', (int) getenv('PORT'));
    }
    try {
        $last = new Redis;
        $last->connect('127.0.0.1', (int) getenv('PORT'));
        $last->ping();
    } catch (RedisException $e) {
    }
    return $kept;
}

[$how, $waits] = [$argv[1], isset($argv[2])];
$pool = in_array($how, ['fixed', 'destructor'], true) ? new Closing : new Pool;
if ($how === 'late') {
    echo "begun\n";
    fgets(STDIN);
}
if ($how === 'generators')
    foreach (delegates($pool) as $step)
        ;
else if ($how === 'exits')
    exits();
else if (in_array($how, ['curl', 'mysqli', 'redis'], true))
    $kept = $how();
else if ($how === 'fork') {
    $child = pcntl_fork();
    plain($pool);
} else
    plain($pool);
if ($how === 'fixed')
    unset($pool);
if ($how === 'shutdown')
    register_shutdown_function(function () use ($pool) { array_map('fclose', $pool->kept); });
if ($how === 'unset')
    register_shutdown_function(function () {
        global $pool;
        $pool = null;
    });
if ($waits) {
    echo "ready\n";
    fgets(STDIN);
}
if ($child ?? 0)
    pcntl_waitpid($child, $status);
