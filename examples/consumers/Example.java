import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Prints every certified version of Gold. It needs kafka-clients and jackson-databind, both in .tools/kafka:
 *
 *   scripts/broker jars
 *   java -cp '.tools/kafka/*' examples/consumers/Example.java 127.0.0.1:9092
 */
public class Example {
    static final String TYPE = "dev.podium.quality.evaluated.v1";
    static final ObjectMapper JSON = new ObjectMapper();
    static final Map<String, Completion> newest = new HashMap<>(); // of each source and subject
    static final Set<String> had = Collections.newSetFromMap(new LinkedHashMap<>() { // the last events: source and id
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
            return size() > 1000;
        }
    });

    /** When the run of a completion began, and its number. */
    record Completion(Instant time, long number) {}

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = Map.of(
                "bootstrap.servers", arguments[0],
                "group.id", "reports-in-java",
                "auto.offset.reset", "earliest",
                "enable.auto.commit", false,
                "key.deserializer", ByteArrayDeserializer.class,
                "value.deserializer", ByteArrayDeserializer.class);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
            consumer.subscribe(List.of("podium.events.v1"));
            while (true) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    handle(record);
                }
                consumer.commitSync(); // when the work is done, not before
            }
        }
    }

    /** Prints what a record says, if it is a verdict on Gold; whatever else is in the topic is no business of ours. */
    static void handle(ConsumerRecord<byte[], byte[]> record) throws Exception {
        if (!"1.0".equals(attribute(record, "specversion")) || !TYPE.equals(attribute(record, "type"))) {
            return;
        }
        if (!isNew(record)) {
            return;
        }
        JsonNode data = JSON.readTree(record.value());
        if (data.path("layer").asText().equals("gold") && !data.path("verdict").asText().equals("failed")) {
            for (JsonNode table : data.path("tables")) { // 64-bit integers are JSON strings
                System.out.printf("%s: %s version %d, %d rows%n", attribute(record, "partitionkey"),
                        table.path("name").asText(), table.path("toVersion").asLong(), table.path("rows").asLong());
            }
        }
    }

    /**
     * Says whether an event has not come before. Numbers have no gaps: where one is left out, an event is missing. A lower one
     * of a newer run is that of a lakehouse made anew.
     */
    static boolean isNew(ConsumerRecord<byte[], byte[]> record) {
        String source = attribute(record, "source");
        String subject = attribute(record, "subject");
        if (!had.add(source + " " + attribute(record, "id"))) {
            return false;
        }
        Instant time = Instant.parse(attribute(record, "time"));
        long number = Long.parseLong(attribute(record, "sequence"));
        Completion last = newest.get(source + " " + subject); // the first may have any number
        if (last != null && number > last.number() + 1) {
            throw new IllegalStateException(
                    "missing: " + source + " announced " + (last.number() + 1) + " of " + subject + ", which never came");
        }
        if (last == null || time.isAfter(last.time()) || number > last.number()) {
            newest.put(source + " " + subject, new Completion(time, number));
        }
        return true;
    }

    static String attribute(ConsumerRecord<byte[], byte[]> record, String name) {
        Header header = record.headers().lastHeader("ce_" + name);
        return header == null || header.value() == null ? null : new String(header.value(), java.nio.charset.StandardCharsets.UTF_8);
    }
}
