import java.io.FileInputStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;

/** The subjects of certificates in PEM files, a line each, as ZooKeeper's X509AuthenticationProvider writes them. */
public class Subjects {
    public static void main(String[] files) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        for (String file : files)
            try (FileInputStream in = new FileInputStream(file)) {
                X509Certificate certificate = (X509Certificate) factory.generateCertificate(in);
                String text = certificate.getSubjectX500Principal().getName() + "\n";
                System.out.write(text.getBytes(StandardCharsets.UTF_8));
                System.out.flush();
            }
    }
}
