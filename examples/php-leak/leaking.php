<?php
/*
 * leaking.php: asks a service over HTTP with curl; the handles of what was refused are kept to be looked at, and so
 * are their connections.
 *
 *     sockleak run -- php leaking.php "$URL"
 */
final class Session
{
    private array $refused = [];

    function logIn(string $user): ?string
    {
        $curl = curl_init($GLOBALS['argv'][1]);
        curl_setopt_array($curl, [CURLOPT_RETURNTRANSFER => true, CURLOPT_POSTFIELDS => "user=$user"]);
        $token = curl_exec($curl);
        if (curl_getinfo($curl, CURLINFO_RESPONSE_CODE) !== 200) {
            $this->refused[$user] = $curl; // has the connection, which curl would use again
            return null;
        }
        return $token;
    }

    function refused(): int { return count($this->refused); }
}

$session = new Session;
foreach (['bob', 'eve', 'joe', 'ada'] as $user)
    $session->logIn($user);
echo $session->refused(), " were refused\n";
