<?php
/*
 * fixed.php: the same with what is wanted of a reply kept, and not the handle.
 *
 *     sockleak run -- php fixed.php "$URL"
 */
final class Session
{
    private array $refused = [];

    function logIn(string $user): ?string
    {
        $curl = curl_init($GLOBALS['argv'][1]);
        curl_setopt_array($curl, [CURLOPT_RETURNTRANSFER => true, CURLOPT_POSTFIELDS => "user=$user"]);
        $token = curl_exec($curl);
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        if ($status !== 200) {
            $this->refused[$user] = $status;
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
