<?php // SPDX-License-Identifier: MIT
$l = stream_socket_server('tcp://127.0.0.1:0') or exit(1);
$name = stream_socket_get_name($l, false);
$good = 0;
function ask($l, $name, $i) {
    $c = stream_socket_client("tcp://$name");
    Fiber::suspend($c);
    $s = stream_socket_accept($l);
    fwrite($s, "answer $i\n");
    Fiber::suspend($s);
    $line = fgets($c);
    fclose($s);
    fclose($c);
    return $line === "answer $i\n";
}
for ($i = 0; $i < 50; $i++) {
    $f = new Fiber('ask');
    $f->start($l, $name, $i);
    while (!$f->isTerminated()) $f->resume();
    $good += $f->getReturn();
}
echo "fibers $good\n";
$pair = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
fwrite($pair[0], "pair\n");
echo fgets($pair[1]);
echo shell_exec('echo child');
// The extension is loaded with RTLD_DEEPBIND. The server closes first: curl keeps the connection until its handle is gone.
$m = curl_multi_init();
$c = curl_init("http://$name/");
curl_setopt($c, CURLOPT_RETURNTRANSFER, true);
curl_multi_add_handle($m, $c);
do curl_multi_exec($m, $n); while ($n && !($s = @stream_socket_accept($l, 0)));
do curl_multi_exec($m, $n); while ($n && strpos($text = ($text ?? '') . fread($s, 1000), "\r\n\r\n") === false);
fwrite($s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ncurl\n");
do curl_multi_exec($m, $n); while ($n);
fclose($s);
echo curl_multi_getcontent($c);
curl_multi_remove_handle($m, $c);
curl_multi_close($m);
$p = proc_open(['cat'], [['pipe', 'r'], ['pipe', 'w']], $pipes);
fwrite($pipes[0], "through\n");
fclose($pipes[0]);
echo stream_get_contents($pipes[1]);
echo proc_close($p), "\n";
var_dump(@stream_socket_client('tcp://127.0.0.1:1'));
