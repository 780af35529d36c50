// Command clients holds a broker to franz-go: it is given two addresses, the second one behind a line that breaks, and
// writes a line for each check. It ends with 1 if any of them failed. With the word `contracts` it does what contracts.go says.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	patience   = 30 * time.Second
	partitions = 4
	step       = 100
)

type check struct {
	name    string
	address string
	run     func(ctx context.Context, address string) error
}

func main() {
	if len(os.Args) != 3 {
		fmt.Println("usage: clients ADDRESS ADDRESS_BEHIND_A_LINE_THAT_BREAKS\n       clients contracts ADDRESS")
		os.Exit(2)
	}
	if os.Args[1] == "contracts" {
		if err := contracts(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "franz-go:", err)
			os.Exit(1)
		}
		return
	}
	direct, broken := os.Args[1], os.Args[2]
	failed := 0
	for _, it := range []check{
		{"round trips", direct, roundTrips},
		{"rebalance, range", direct, rebalance(kgo.RangeBalancer())},
		{"rebalance, round robin", direct, rebalance(kgo.RoundRobinBalancer())},
		{"rebalance, sticky", direct, rebalance(kgo.StickyBalancer())},
		{"rebalance, cooperative sticky", direct, rebalance(kgo.CooperativeStickyBalancer())},
		{"commits", direct, commits},
		{"administration", direct, administration},
		{"retries", broken, retries},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		start := time.Now()
		outcome := "ok"
		if err := it.run(ctx, it.address); err != nil {
			failed++
			outcome = "FAILED: " + err.Error()
		}
		cancel()
		fmt.Printf("franz-go: %s (%.1f s) %s\n", it.name, time.Since(start).Seconds(), outcome)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

func client(address string, options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(address),
		kgo.AllowAutoTopicCreation(),
		// After each failure it asks anew where partitions are, but not more often than this.
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}, options...)...)
}

// numbered makes records whose values are numbers from `first` on, spread over partitions.
func numbered(topic string, first, count, partitions int) []*kgo.Record {
	made := make([]*kgo.Record, count)
	for index := range made {
		number := first + index
		made[index] = &kgo.Record{
			Topic:     topic,
			Partition: int32(number % partitions),
			Key:       []byte("key größer 数据"),
			Value:     []byte(strconv.Itoa(number)),
			Headers:   []kgo.RecordHeader{{Key: "kind", Value: []byte("test")}},
		}
	}
	return made
}

// expect reads partition 0 from its start: exactly these values, in order.
func expect(ctx context.Context, address, topic string, count int) error {
	reader, err := client(address, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {0: kgo.NewOffset().AtStart()},
	}))
	if err != nil {
		return err
	}
	defer reader.Close()
	for seen := 0; seen < count; {
		fetched := reader.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			return fmt.Errorf("after %d records: %w", seen, err)
		}
		for _, record := range fetched.Records() {
			if string(record.Value) != strconv.Itoa(seen) || record.Offset != int64(seen) {
				return fmt.Errorf("%q at %d instead of %d", record.Value, record.Offset, seen)
			}
			if string(record.Key) != "key größer 数据" || len(record.Headers) != 1 {
				return fmt.Errorf("record %d: key %q, %d headers", seen, record.Key, len(record.Headers))
			}
			seen++
		}
	}
	last, err := kadm.NewClient(reader).ListEndOffsets(ctx, topic)
	if err != nil {
		return err
	}
	if end, _ := last.Lookup(topic, 0); end.Offset != int64(count) {
		return fmt.Errorf("%d records instead of %d", end.Offset, count)
	}
	return nil
}

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func roundTrips(ctx context.Context, address string) error {
	for name, codec := range codecs {
		topic := "franz-go-" + name
		producer, err := client(address, kgo.ProducerBatchCompression(codec))
		if err != nil {
			return err
		}
		err = producer.ProduceSync(ctx, numbered(topic, 0, 500, 1)...).FirstErr()
		producer.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := expect(ctx, address, topic, 500); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// member is a consumer in a group that others join and leave.
type member struct {
	client *kgo.Client
	// Of `has`: callbacks come from elsewhere.
	mutex sync.Mutex
	has   map[int32]bool
}

func join(address, topic, group string, balancer kgo.GroupBalancer) (*member, error) {
	it := &member{has: map[int32]bool{}}
	var err error
	it.client, err = client(address,
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.Balancers(balancer),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(300*time.Millisecond),
		// What was worked on is committed before somebody else gets the partition; rebalances wait for that.
		kgo.AutoCommitMarks(), kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, its map[string][]int32) {
			it.mutex.Lock()
			defer it.mutex.Unlock()
			for _, partition := range its[topic] {
				it.has[partition] = true
			}
		}),
		kgo.OnPartitionsRevoked(func(ctx context.Context, client *kgo.Client, its map[string][]int32) {
			if err := client.CommitMarkedOffsets(ctx); err != nil {
				fmt.Println("franz-go: cannot commit:", err)
			}
			it.mutex.Lock()
			defer it.mutex.Unlock()
			for _, partition := range its[topic] {
				delete(it.has, partition)
			}
		}),
	)
	return it, err
}

func (it *member) poll(ctx context.Context) ([]*kgo.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	fetched := it.client.PollFetches(ctx)
	defer it.client.AllowRebalance()
	for _, failure := range fetched.Errors() {
		if ctx.Err() == nil {
			return nil, failure.Err
		}
	}
	records := fetched.Records()
	// It puts what it is given into an order of its own.
	it.client.MarkCommitRecords(slices.Clone(records)...)
	return records, nil
}

func (it *member) assigned() int {
	it.mutex.Lock()
	defer it.mutex.Unlock()
	return len(it.has)
}

func (it *member) leave() {
	it.client.CloseAllowingRebalance()
}

// rebalance checks that records are seen once, while one member joins and leaves a group.
func rebalance(balancer kgo.GroupBalancer) func(context.Context, string) error {
	return func(ctx context.Context, address string) error {
		topic := "franz-go-shared-" + balancer.ProtocolName()
		sender, err := client(address)
		if err != nil {
			return err
		}
		defer sender.Close()
		if _, err := kadm.NewClient(sender).CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
			return err
		}
		scene := &scene{ctx: ctx, sender: sender, topic: topic}
		return scene.play(func() (*member, error) { return join(address, topic, topic, balancer) })
	}
}

type scene struct {
	ctx     context.Context
	sender  *kgo.Client
	topic   string
	members []*member
	seen    []*kgo.Record
	sent    int
}

func (it *scene) play(join func() (*member, error)) error {
	everything := func() bool { return it.members[0].assigned() == partitions }
	halves := func() bool { return it.members[0].assigned() == 2 && it.members[1].assigned() == 2 }
	for _, act := range []func() error{
		it.send, it.joins(join), it.until(everything), it.send, it.joins(join), it.until(halves), it.send,
		it.until(it.isAllSeen), it.leaves, it.send, it.until(everything), it.until(it.isAllSeen), it.leaves,
	} {
		if err := act(); err != nil {
			return err
		}
	}
	return it.once()
}

func (it *scene) send() error {
	records := numbered(it.topic, it.sent, step, partitions)
	it.sent += step
	return it.sender.ProduceSync(it.ctx, records...).FirstErr()
}

func (it *scene) joins(join func() (*member, error)) func() error {
	return func() error {
		joined, err := join()
		it.members = append(it.members, joined)
		return err
	}
}

func (it *scene) leaves() error {
	last := len(it.members) - 1
	it.members[last].leave()
	it.members = it.members[:last]
	return nil
}

func (it *scene) isAllSeen() bool {
	return len(it.seen) >= it.sent
}

func (it *scene) until(condition func() bool) func() error {
	return func() error {
		for !condition() {
			for _, member := range it.members {
				records, err := member.poll(it.ctx)
				if err != nil {
					return err
				}
				it.seen = append(it.seen, records...)
			}
			if it.ctx.Err() != nil {
				return fmt.Errorf("%d members, %d of %d records: %w", len(it.members), len(it.seen), it.sent, it.ctx.Err())
			}
		}
		return nil
	}
}

// once checks that every record was seen once, in order of its partition.
func (it *scene) once() error {
	next := make([]int64, partitions)
	for _, record := range it.seen {
		if record.Offset != next[record.Partition] {
			return fmt.Errorf("partition %d: %d instead of %d", record.Partition, record.Offset, next[record.Partition])
		}
		next[record.Partition]++
	}
	if !slices.Equal(next, []int64{step, step, step, step}) {
		return fmt.Errorf("seen up to %v", next)
	}
	return nil
}

// commits checks that the second member goes on where the first one left off.
func commits(ctx context.Context, address string) error {
	topic := "franz-go-commits"
	sender, err := client(address)
	if err != nil {
		return err
	}
	defer sender.Close()
	if err := sender.ProduceSync(ctx, numbered(topic, 0, 20, 1)...).FirstErr(); err != nil {
		return err
	}
	for _, start := range []int64{0, 10} {
		reader, err := client(address, kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		if err != nil {
			return err
		}
		records := reader.PollRecords(ctx, 10).Records()
		if len(records) != 10 || records[0].Offset != start {
			return fmt.Errorf("%d records instead of 10 from %d", len(records), start)
		}
		err = reader.CommitRecords(ctx, records...)
		reader.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func administration(ctx context.Context, address string) error {
	plain, err := client(address)
	if err != nil {
		return err
	}
	defer plain.Close()
	admin := kadm.NewClient(plain)
	topic, group := "franz-go-administration", "franz-go-commits"
	retention := "1000000"
	if _, err := admin.CreateTopic(ctx, 2, 1, map[string]*string{"retention.ms": &retention}, topic); err != nil {
		return err
	}
	if _, err := admin.CreateTopic(ctx, 2, 1, nil, topic); err == nil {
		return fmt.Errorf("it was made twice")
	}
	changed := "123456"
	change := kadm.AlterConfig{Op: kadm.SetConfig, Name: "retention.ms", Value: &changed}
	altered, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{change}, topic)
	if err != nil {
		return err
	}
	if altered[0].Err != nil {
		return altered[0].Err
	}
	described, err := admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(described[0].Configs, func(it kadm.Config) bool { return it.Key == "retention.ms" })
	if at < 0 || described[0].Configs[at].MaybeValue() != changed {
		return fmt.Errorf("retention.ms is not set: %v", described[0].Configs)
	}
	listed, err := admin.ListTopics(ctx, topic)
	if err != nil {
		return err
	}
	if len(listed[topic].Partitions) != 2 {
		return fmt.Errorf("%d partitions", len(listed[topic].Partitions))
	}
	if err := groups(ctx, admin, group); err != nil {
		return err
	}
	if _, err := admin.DeleteTopic(ctx, topic); err != nil {
		return err
	}
	if _, err := admin.DeleteTopic(ctx, topic); err == nil {
		return fmt.Errorf("it was deleted twice")
	}
	return nil
}

func groups(ctx context.Context, admin *kadm.Client, group string) error {
	listed, err := admin.ListGroups(ctx)
	if err != nil {
		return err
	}
	if _, is := listed[group]; !is {
		return fmt.Errorf("no group %s in %v", group, listed)
	}
	described, err := admin.DescribeGroups(ctx, group)
	if err != nil {
		return err
	}
	if described[group].State != "Empty" || described[group].Err != nil {
		return fmt.Errorf("group %v", described[group])
	}
	committed, err := admin.FetchOffsets(ctx, group)
	if err != nil {
		return err
	}
	if at, _ := committed.Lookup(group, 0); at.At != 20 {
		return fmt.Errorf("committed %d", at.At)
	}
	if _, err := admin.DeleteGroup(ctx, group); err != nil {
		return err
	}
	return nil
}

// retries checks that numbered records are there once, in order, over a line that breaks.
func retries(ctx context.Context, address string) error {
	producer, err := client(address, kgo.ProducerBatchMaxBytes(1000),
		kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }))
	if err != nil {
		return err
	}
	defer producer.Close()
	topic := "franz-go-retries"
	if err := producer.ProduceSync(ctx, numbered(topic, 0, 1000, 1)...).FirstErr(); err != nil {
		return err
	}
	return expect(ctx, address, topic, 1000)
}
