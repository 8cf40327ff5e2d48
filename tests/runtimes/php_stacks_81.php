<?php
/*
 * php_stacks_81.php: the ways of php_stacks.php that PHP has from 8.1 on.
 */
/* PHP refuses to enter a fiber from a destructor (up to 8.3). */
function in_fiber(int $n, callable $begin): void
{
    try {
        $f = new Fiber($begin);
        $f->start($n);
    } catch (FiberError $e) {
        step($n - 1);
        return;
    }
    while ($f->isSuspended())
        $f->resume();
}
$ways[] = function (int $n) { in_fiber($n, function (int $n) { step($n - 1); }); };
$ways[] = function (int $n) { in_fiber($n, 'step'); };
$ways[] = function (int $n) {
    in_fiber($n, function (int $n) {
        Fiber::suspend();
        step($n - 1);
    });
};
$ways[] = function (int $n) {
    in_fiber($n, function () use ($n) {
        foreach (twice_delegating($n) as $v)
            Fiber::suspend();
    });
};
$ways[] = function (int $n) { step(...)($n - 1); };
$ways[] = function (int $n) { (new Steps($n))->next(...)(); };
enum Suit
{
    case Hearts;
    function call(int $n) { step($n - 1); }
}
$ways[] = function (int $n) { Suit::Hearts->call($n); };
