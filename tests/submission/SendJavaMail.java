// What applications.rs wants of every client, by Java Mail: a line for each message.
import java.util.Properties;
import javax.activation.DataHandler;
import javax.mail.*;
import javax.mail.internet.*;
import javax.mail.util.ByteArrayDataSource;

public class SendJavaMail {
    static Session session;

    static MimeMessage message(String name, String to, String subject) throws Exception {
        MimeMessage message = new MimeMessage(session);
        message.setFrom(new InternetAddress("a@a.test", name, "UTF-8"));
        message.setRecipients(Message.RecipientType.TO, to);
        message.setSubject(subject, "UTF-8");
        return message;
    }

    public static void main(String[] words) throws Exception {
        Properties properties = new Properties();
        properties.put("mail.smtp.host", "127.0.0.1");
        properties.put("mail.smtp.port", words[0]);
        properties.put("mail.smtp.auth", "true");
        properties.put("mail.smtp.ssl.enable", String.valueOf(!words[1].isEmpty()));
        properties.put("mail.smtp.ssl.trust", "127.0.0.1");
        session = Session.getInstance(properties, new Authenticator() {
            protected PasswordAuthentication getPasswordAuthentication() {
                return new PasswordAuthentication("user", "secret");
            }
        });
        MimeMessage plain = message(null, "b@b.test", "plain");
        plain.setText("Hello");
        MimeMessage file = message(null, "b@b.test", "file");
        byte[] all = new byte[256];
        for (int octet = 0; octet < 256; octet++) all[octet] = (byte) octet;
        MimeBodyPart text = new MimeBodyPart();
        text.setText("see there");
        MimeBodyPart attachment = new MimeBodyPart();
        attachment.setDataHandler(new DataHandler(new ByteArrayDataSource(all, "application/pdf")));
        attachment.setFileName("rechnung.pdf");
        file.setContent(new MimeMultipart(text, attachment));
        MimeMessage unicode = message("J\u00fcrgen M\u00fcller", "b@b.test", "Gr\u00fc\u00dfe \ud83d\ude00");
        unicode.setText("Gr\u00fc\u00dfe \ud83d\ude00", "UTF-8");
        MimeMessage forbidden = message(null, "x@elsewhere.test", "forbidden");
        forbidden.setText("Hello");
        for (MimeMessage message : new MimeMessage[] {plain, file, unicode, forbidden}) {
            try {
                Transport.send(message);
                System.out.println("sent");
            } catch (MessagingException error) {
                StringBuilder said = new StringBuilder("refused");
                for (Exception cause = error; cause instanceof MessagingException; cause = ((MessagingException) cause).getNextException())
                    said.append(' ').append(cause.getMessage());
                System.out.println(said.toString().replaceAll("\\s+", " "));
            }
        }
    }
}
