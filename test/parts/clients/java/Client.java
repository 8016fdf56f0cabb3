import io.spiffe.bundle.jwtbundle.JwtBundleSet;
import io.spiffe.spiffeid.TrustDomain;
import io.spiffe.svid.jwtsvid.JwtSvid;
import io.spiffe.svid.x509svid.X509Svid;
import io.spiffe.svid.x509svid.X509SvidValidator;
import io.spiffe.workloadapi.DefaultWorkloadApiClient;
import io.spiffe.workloadapi.Watcher;
import io.spiffe.workloadapi.WorkloadApiClient;
import io.spiffe.workloadapi.X509Context;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A client over java-spiffe; prints JSON lines. Usage: Client fetch AUDIENCE | watch COUNT. */
public final class Client {
  private static void x509Line(String kind, X509Svid svid) {
    System.out.printf(
        "{\"kind\":\"%s\",\"spiffeId\":\"%s\",\"serial\":\"%s\",\"notAfter\":\"%s\",\"hint\":\"%s\",\"chain\":%d}%n",
        kind, svid.getSpiffeId(), svid.getLeaf().getSerialNumber().toString(16),
        svid.getLeaf().getNotAfter().toInstant(), svid.getHint() == null ? "" : svid.getHint(), svid.getChain().size());
  }

  private static void fetch(WorkloadApiClient client, String audience) throws Exception {
    X509Context context = client.fetchX509Context();
    X509Svid svid = context.getDefaultSvid();
    X509SvidValidator.verifyChain(svid.getChain(), context.getX509BundleSet());
    x509Line("x509", svid);
    TrustDomain own = svid.getSpiffeId().getTrustDomain();
    JwtBundleSet jwtBundles = client.fetchJwtBundles();
    System.out.printf(
        "{\"kind\":\"bundles\",\"trustDomain\":\"%s\",\"x509Authorities\":%d,\"jwtAuthorities\":%d}%n",
        own.getName(), client.fetchX509Bundles().getBundleForTrustDomain(own).getX509Authorities().size(),
        jwtBundles.getBundleForTrustDomain(own).getJwtAuthorities().size());
    String token = client.fetchJwtSvid(audience).getToken();
    JwtSvid verified = JwtSvid.parseAndValidate(token, jwtBundles, Set.of(audience));
    System.out.printf("{\"kind\":\"jwt\",\"spiffeId\":\"%s\",\"token\":\"%s\"}%n", verified.getSpiffeId(), token);
    System.out.printf("{\"kind\":\"validated\",\"spiffeId\":\"%s\"}%n", client.validateJwtSvid(token, audience).getSpiffeId());
  }

  private static void watch(WorkloadApiClient client, int count) throws Exception {
    CountDownLatch left = new CountDownLatch(count);
    client.watchX509Context(new Watcher<>() {
      @Override
      public void onUpdate(X509Context context) {
        x509Line("update", context.getDefaultSvid());
        left.countDown();
      }

      @Override
      public void onError(Throwable error) {
        System.out.printf("{\"kind\":\"error\",\"message\":\"%s\"}%n", error.getClass().getName());
      }
    });
    if (!left.await(5, TimeUnit.MINUTES)) throw new IllegalStateException("not enough updates within 5 minutes");
  }

  public static void main(String[] args) throws Exception {
    int code = 0;
    try (WorkloadApiClient client = DefaultWorkloadApiClient.newClient()) {
      if (args[0].equals("fetch")) fetch(client, args[1]);
      else watch(client, Integer.parseInt(args[1]));
    } catch (Exception error) {
      System.err.println(error);
      code = 1;
    }
    // grpc-java keeps threads that would hold the process.
    System.exit(code);
  }
}
