<?php
/*
 * php_page.php: a page that keeps a connection of each of its requests in the worker, and leaves one to the request's end.
 */
namespace Shop;

final class Db
{
    static function login(int $port) { return pfsockopen('127.0.0.1', $port, $code, $text, 5); }
}

function page(int $port): void
{
    $kept = Db::login($port);
    fread($kept, 1);
    $GLOBALS['left'] = $left = stream_socket_client("tcp://127.0.0.1:$port");
    fread($left, 1);
    echo 'served ', $port;
}

if ($_SERVER['QUERY_STRING'] !== 'none')
    page((int) $_SERVER['QUERY_STRING']);
