import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Signs a file through a CSC v1 service with the JDK alone: java SignHash.java FILE SIGNATURE.
 * Reads KYSO_URL (up to /csc/v1), KYSO_USER, KYSO_PASSWORD, KYSO_PIN and KYSO_OTP from the environment.
 * A real application would use its JSON library; here each answer has one text that we want.
 */
public class SignHash {
    private static final HttpClient http = HttpClient.newHttpClient();
    private static final Base64.Encoder base64 = Base64.getEncoder();

    public static void main(String[] args) throws Exception {
        String pair = env("USER") + ":" + env("PASSWORD");
        String basic = "Basic " + base64.encodeToString(pair.getBytes(StandardCharsets.UTF_8));
        String token = find("access_token", call("auth/login", "{}", basic));
        String bearer = "Bearer " + token;

        String credential = find("credentialIDs", call("credentials/list", "{}", bearer));
        String id = "\"credentialID\":\"" + credential + "\"";
        String algorithm = find("algo", call("credentials/info", "{" + id + "}", bearer));

        byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(Path.of(args[0])));
        String hash = "\"hash\":[\"" + base64.encodeToString(digest) + "\"]";
        String factors = "\"PIN\":\"" + env("PIN") + "\",\"OTP\":\"" + env("OTP") + "\"";
        String wanted = "{" + id + ",\"numSignatures\":1," + hash + "," + factors + "}";
        String sad = "\"SAD\":\"" + find("SAD", call("credentials/authorize", wanted, bearer)) + "\"";

        String request = "{" + id + "," + sad + "," + hash + ",\"signAlgo\":\"" + algorithm + "\"}";
        String signature = find("signatures", call("signatures/signHash", request, bearer));
        Files.write(Path.of(args[1]), Base64.getDecoder().decode(signature));
        call("auth/revoke", "{\"token\":\"" + token + "\"}", bearer);
    }

    private static String call(String method, String body, String authorization) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(env("URL") + "/" + method))
            .header("Content-Type", "application/json")
            .header("Authorization", authorization)
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
        HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() >= 300) throw new IllegalStateException(method + ": " + answer.body());
        return answer.body();
    }

    /** The text of a member, or the first of its array. */
    private static String find(String member, String json) {
        Matcher found = Pattern.compile("\"" + member + "\":\\[?\"([^\"]+)\"").matcher(json);
        if (!found.find()) throw new IllegalStateException("no " + member + " in " + json);
        return found.group(1);
    }

    private static String env(String name) {
        return System.getenv("KYSO_" + name);
    }
}
