import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Holds a broker to Kafka's own client: it is given two addresses, the second one behind a line that breaks, and writes a line for
 * each check. It ends with 1 if any of them failed.
 */
public final class Clients {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final int PARTITIONS = 4;
    private static final int STEP = 100;
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    private static final String ASSIGNORS = "org.apache.kafka.clients.consumer.";

    private final String address;

    private Clients(String address) {
        this.address = address;
    }

    private interface Check {
        void run() throws Exception;
    }

    public static void main(String[] arguments) {
        var direct = new Clients(arguments[0]);
        var broken = new Clients(arguments[1]);
        var failed = run("round trips", direct::roundTrips);
        for (var assignor : List.of(
                "RangeAssignor", "RoundRobinAssignor", "StickyAssignor", "CooperativeStickyAssignor")) {
            failed += run("rebalance, " + assignor, () -> direct.rebalance(assignor));
        }
        failed += run("static members", direct::staticMembers);
        failed += run("commits", direct::commits);
        failed += run("administration", direct::administration);
        failed += run("errors", direct::errors);
        failed += run("retries", broken::retries);
        System.exit(failed == 0 ? 0 : 1);
    }

    private static int run(String name, Check check) {
        var start = System.nanoTime();
        var outcome = "ok";
        try {
            check.run();
        } catch (Exception | AssertionError problem) {
            outcome = "FAILED: " + problem + " at " + List.of(problem.getStackTrace());
        }
        System.out.printf("java: %s (%.1f s) %s%n", name, (System.nanoTime() - start) / 1e9, outcome);
        return outcome.equals("ok") ? 0 : 1;
    }

    private static void same(Object found, Object expected, String what) {
        if (!found.equals(expected)) {
            throw new AssertionError(what + ": " + found + " instead of " + expected);
        }
    }

    private static Map<String, Object> with(Map<String, Object> settings, Map<String, Object> more) {
        var all = new HashMap<>(settings);
        all.putAll(more);
        return all;
    }

    private KafkaProducer<String, String> producer(Map<String, Object> more) {
        return new KafkaProducer<>(
                with(Map.of("bootstrap.servers", address), more), new StringSerializer(), new StringSerializer());
    }

    private KafkaConsumer<String, String> consumer(Map<String, Object> more) {
        Map<String, Object> settings =
                Map.of(
                        "bootstrap.servers", address,
                        "auto.offset.reset", "earliest",
                        "group.protocol", "classic",
                        "heartbeat.interval.ms", 300);
        return new KafkaConsumer<>(with(settings, more), new StringDeserializer(), new StringDeserializer());
    }

    private Admin admin() {
        return Admin.create(Map.of("bootstrap.servers", address));
    }

    /** Sends numbers, spread over partitions, and waits for all of them. */
    private static void send(
            KafkaProducer<String, String> producer, String topic, int first, int count, int partitions)
            throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (var number = first; number < first + count; number++) {
            var record =
                    new ProducerRecord<>(
                            topic, number % partitions, 1_700_000_000_000L + number, "key größer 数据", "" + number);
            record.headers().add("kind", new byte[] {0, 1, (byte) 0xff});
            sent.add(producer.send(record));
        }
        for (var it : sent) {
            it.get();
        }
    }

    /** Partition 0 has these numbers, in order, and nothing else. */
    private void expect(String topic, int count) {
        try (var reader = consumer(Map.of())) {
            var partition = new TopicPartition(topic, 0);
            reader.assign(List.of(partition));
            reader.seekToBeginning(List.of(partition));
            var seen = 0;
            while (seen < count) {
                var records = reader.poll(PATIENCE);
                same(records.isEmpty(), false, "nothing comes after " + seen);
                for (var record : records) {
                    same(record.offset(), (long) seen, "offset");
                    same(record.value(), "" + seen, "value");
                    same(record.key(), "key größer 数据", "key");
                    same(record.timestamp(), 1_700_000_000_000L + seen, "time");
                    same(record.headers().lastHeader("kind").value().length, 3, "header");
                    seen++;
                }
            }
            same(reader.endOffsets(List.of(partition)).get(partition), (long) count, "the end");
        }
    }

    private void roundTrips() throws Exception {
        for (var codec : CODECS) {
            for (var acks : List.of("1", "all")) {
                var topic = "java-" + codec + "-" + acks;
                Map<String, Object> settings =
                        Map.of("compression.type", codec, "acks", acks, "enable.idempotence", acks.equals("all"));
                try (var producer = producer(settings)) {
                    send(producer, topic, 0, 500, 1);
                }
                expect(topic, 500);
            }
        }
    }

    /** A consumer in a group that others join and leave. */
    private static final class Member implements ConsumerRebalanceListener {
        private final KafkaConsumer<String, String> consumer;
        private int revoked;

        Member(KafkaConsumer<String, String> consumer, String topic) {
            this.consumer = consumer;
            consumer.subscribe(List.of(topic), this);
        }

        int assigned() {
            return consumer.assignment().size();
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            revoked += partitions.size();
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {}
    }

    private static void until(
            List<Member> members, List<ConsumerRecord<String, String>> seen, BooleanSupplier condition, String what) {
        var end = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            for (var member : members) {
                member.consumer.poll(Duration.ofMillis(50)).forEach(seen::add);
            }
            var assigned = members.stream().map(Member::assigned).toList();
            same(System.nanoTime() < end, true, what + ": " + seen.size() + " records, assigned " + assigned);
        }
    }

    /** One member, a second one that joins while records come, and leaves: every record is seen once, in order. */
    private void rebalance(String assignor) throws Exception {
        var topic = "java-shared-" + assignor;
        create(topic, PARTITIONS);
        Map<String, Object> group =
                Map.of("group.id", topic, "partition.assignment.strategy", ASSIGNORS + assignor);
        var members = new ArrayList<Member>();
        var seen = new ArrayList<ConsumerRecord<String, String>>();
        BooleanSupplier isAlone = () -> members.get(0).assigned() == PARTITIONS;
        BooleanSupplier areHalves = () -> members.stream().allMatch(it -> it.assigned() == PARTITIONS / 2);
        try (var sender = producer(Map.of())) {
            send(sender, topic, 0, STEP, PARTITIONS);
            members.add(new Member(consumer(group), topic));
            until(members, seen, isAlone, "alone");
            send(sender, topic, STEP, STEP, PARTITIONS);
            members.add(new Member(consumer(group), topic));
            until(members, seen, areHalves, "a second member");
            send(sender, topic, 2 * STEP, STEP, PARTITIONS);
            until(members, seen, () -> seen.size() >= 3 * STEP, "records for both");
            members.remove(1).consumer.close();
            send(sender, topic, 3 * STEP, STEP, PARTITIONS);
            until(members, seen, isAlone, "alone again");
            until(members, seen, () -> seen.size() >= 4 * STEP, "records after one left");
            members.remove(0).consumer.close();
        }
        for (var partition = 0; partition < PARTITIONS; partition++) {
            var its = partition;
            var offsets = seen.stream().filter(it -> it.partition() == its).map(ConsumerRecord::offset).toList();
            var expected = java.util.stream.LongStream.range(0, STEP).boxed().toList();
            same(offsets, expected, "offsets in partition " + partition);
        }
    }

    /** A member that has a name comes back to its partitions, and the others notice nothing. */
    private void staticMembers() throws Exception {
        var topic = "java-static";
        create(topic, PARTITIONS);
        Map<String, Object> group = Map.of("group.id", topic, "session.timeout.ms", 20_000);
        var members = new ArrayList<Member>();
        var seen = new ArrayList<ConsumerRecord<String, String>>();
        BooleanSupplier areHalves = () -> members.stream().allMatch(it -> it.assigned() == PARTITIONS / 2);
        members.add(new Member(consumer(with(group, Map.of("group.instance.id", "first"))), topic));
        until(members, seen, () -> members.get(0).assigned() == PARTITIONS, "alone");
        members.add(new Member(consumer(with(group, Map.of("group.instance.id", "second"))), topic));
        until(members, seen, areHalves, "a second member");
        var revoked = members.get(0).revoked;
        var before = members.get(1).consumer.assignment();
        members.remove(1).consumer.close();
        members.add(new Member(consumer(with(group, Map.of("group.instance.id", "second"))), topic));
        until(members, seen, areHalves, "the second came back");
        same(members.get(1).consumer.assignment(), before, "its partitions");
        same(members.get(0).revoked, revoked, "what the first had to give away");
        members.forEach(it -> it.consumer.close());
    }

    /** The second goes on where the first one left off. */
    private void commits() throws Exception {
        var topic = "java-commits";
        try (var sender = producer(Map.of())) {
            send(sender, topic, 0, 20, 1);
        }
        Map<String, Object> group =
                Map.of("group.id", topic, "enable.auto.commit", false, "max.poll.records", 10);
        for (var start : List.of(0L, 10L)) {
            try (var reader = consumer(group)) {
                reader.subscribe(List.of(topic));
                var found = new ArrayList<ConsumerRecord<String, String>>();
                var end = System.nanoTime() + PATIENCE.toNanos();
                while (found.isEmpty() && System.nanoTime() < end) {
                    reader.poll(Duration.ofMillis(200)).forEach(found::add);
                }
                same(found.size(), 10, "records");
                same(found.get(0).offset(), start, "the first");
                reader.commitSync();
            }
        }
    }

    private void create(String topic, int partitions) throws Exception {
        try (var admin = admin()) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
        }
    }

    private void administration() throws Exception {
        var topic = "java-administration";
        create(topic, 1);
        try (var admin = admin()) {
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(2))).all().get();
            var described = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
            same(described.partitions().size(), 2, "partitions");
            same(admin.listTopics().names().get().contains(topic), true, "it is listed");
            var nodes = admin.describeCluster().nodes().get().stream().map(it -> it.id()).toList();
            same(nodes.size(), 1, "nodes");
            var folders = admin.describeLogDirs(nodes).allDescriptions().get();
            same(folders.get(nodes.get(0)).size(), 1, "folders of logs");
            var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
            var change = new AlterConfigOp(new ConfigEntry("retention.ms", "123456"), AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(resource, List.of(change))).all().get();
            var settings = admin.describeConfigs(List.of(resource)).all().get().get(resource);
            same(settings.get("retention.ms").value(), "123456", "a setting");
            same(settings.get("retention.ms").isDefault(), false, "it is no default");
            try (var sender = producer(Map.of())) {
                send(sender, topic, 0, 20, 1);
            }
            var partition = new TopicPartition(topic, 0);
            admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(5))).all().get();
            for (var it : Map.of(OffsetSpec.earliest(), 5L, OffsetSpec.latest(), 20L).entrySet()) {
                var found = admin.listOffsets(Map.of(partition, it.getKey())).all().get().get(partition);
                same(found.offset(), it.getValue(), "" + it.getKey());
            }
            groups(admin, topic);
            admin.deleteTopics(List.of(topic)).all().get();
            same(admin.listTopics().names().get().contains(topic), false, "it is still there");
        }
    }

    private void groups(Admin admin, String topic) throws Exception {
        var group = "java-described";
        var partition = new TopicPartition(topic, 0);
        try (var reader = consumer(Map.of("group.id", group, "enable.auto.commit", false))) {
            var member = new Member(reader, topic);
            var seen = new ArrayList<ConsumerRecord<String, String>>();
            until(List.of(member), seen, () -> seen.size() == 15, "records");
            reader.commitSync();
            var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
            same(described.groupState().toString(), "Stable", "state");
            var assigned = described.members().iterator().next().assignment().topicPartitions();
            same(assigned, Set.of(partition, new TopicPartition(topic, 1)), "assigned");
        }
        var listed = admin.listGroups().all().get().stream().map(it -> it.groupId()).toList();
        same(listed.contains(group), true, "it is listed");
        var committed = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        same(committed.get(partition).offset(), 20L, "committed");
        admin.deleteConsumerGroupOffsets(group, Set.of(partition)).all().get();
        committed = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        same(Optional.ofNullable(committed.get(partition)), Optional.empty(), "offset after it was deleted");
        admin.deleteConsumerGroups(List.of(group)).all().get();
        listed = admin.listGroups().all().get().stream().map(it -> it.groupId()).toList();
        same(listed.contains(group), false, "it is gone");
    }

    private void errors() throws Exception {
        var topic = "java-errors";
        create(topic, 1);
        try {
            create(topic, 1);
            throw new AssertionError("it was made twice");
        } catch (ExecutionException refused) {
            same(refused.getCause().getClass(), TopicExistsException.class, "why");
        }
        try (var sender = producer(Map.of("max.request.size", 5_000_000))) {
            sender.send(new ProducerRecord<>(topic, "x".repeat(2_000_000))).get();
            throw new AssertionError("a batch of 2 MB was taken");
        } catch (ExecutionException refused) {
            same(refused.getCause().getClass(), RecordTooLargeException.class, "why");
        }
    }

    /** Numbered records over a line that breaks: there once, in order. */
    private void retries() throws Exception {
        Map<String, Object> settings =
                Map.of("batch.size", 2000, "reconnect.backoff.ms", 1, "reconnect.backoff.max.ms", 20, "retry.backoff.ms", 5);
        try (var sender = producer(settings)) {
            send(sender, "java-retries", 0, 1000, 1);
        }
        expect("java-retries", 1000);
    }
}
