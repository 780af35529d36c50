import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Sends and reads with Kafka's own client what contracts_elsewhere.py asks for: it is given an address, then a line for each thing
 * to do, and answers with a line for each record and an empty one.
 */
public final class Contracts {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final String address;
    /** By what they are for and the codec: what was refused is not the end of one. They number their records. */
    private final Map<String, KafkaProducer<String, String>> producers = new HashMap<>();

    private Contracts(String address) {
        this.address = address;
    }

    public static void main(String[] arguments) throws Exception {
        var it = new Contracts(arguments[0]);
        var asked = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (var line = asked.readLine(); line != null; line = asked.readLine()) {
            answers.print(String.join("", it.answer(line.split("\t")).stream().map(one -> one + "\n").toList()));
            answers.println();
        }
        it.producers.values().forEach(KafkaProducer::close);
    }

    private List<String> answer(String[] words) throws Exception {
        return switch (words[0]) {
            // All in one batch, which waits until it is flushed.
            case "send" -> send(words[1], words[3], producer(words[2], Map.of("linger.ms", PATIENCE.toMillis())));
            // Each in a batch of its own, five of them on their way.
            case "stream" -> send(words[1], words[3], producer(words[2], Map.of("batch.size", 0)));
            case "read" -> read(new TopicPartition(words[1], 0), Integer.parseInt(words[2]));
            default -> throw new IllegalArgumentException(words[0]);
        };
    }

    private KafkaProducer<String, String> producer(String codec, Map<String, Object> more) {
        return producers.computeIfAbsent(
                codec + more,
                key -> {
                    var settings = new HashMap<>(more);
                    settings.put("bootstrap.servers", address);
                    settings.put("compression.type", codec);
                    settings.put("retry.backoff.ms", 5);
                    return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
                });
    }

    private static List<String> send(String topic, String file, KafkaProducer<String, String> producer)
            throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (var value : Files.readAllLines(Path.of(file))) {
            var record = new ProducerRecord<>(topic, 0, "key", value);
            record.headers().add("kind", "test".getBytes(StandardCharsets.UTF_8));
            sent.add(producer.send(record));
        }
        producer.flush();
        var outcomes = new ArrayList<String>();
        for (var it : sent) {
            outcomes.add(outcome(it));
        }
        return outcomes;
    }

    private static String outcome(Future<RecordMetadata> sent) throws InterruptedException {
        try {
            sent.get();
            return "taken";
        } catch (ExecutionException refused) {
            var why = refused.getCause();
            return String.join("\t", "refused", why.getClass().getSimpleName(), why.getMessage());
        }
    }

    private List<String> read(TopicPartition partition, int count) {
        // When it is closed it waits for the answer to what it asked last.
        Map<String, Object> settings = Map.of("bootstrap.servers", address, "fetch.max.wait.ms", 20);
        var found = new ArrayList<String>();
        try (var reader = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            reader.assign(List.of(partition));
            reader.seekToBeginning(List.of(partition));
            while (found.size() < count) {
                var records = reader.poll(PATIENCE);
                if (records.isEmpty()) {
                    throw new AssertionError(partition + ": nothing comes after " + found.size());
                }
                for (var record : records) {
                    var isBad = record.headers().lastHeader("tamis.rule") != null;
                    found.add((isBad ? "bad" : "good") + "\t" + record.value());
                }
            }
        }
        return found;
    }
}
