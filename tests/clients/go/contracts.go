package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// contracts sends and reads what contracts_elsewhere.py asks for: a line for each thing to do, answered with a line for
// each record and an empty one.
func contracts(address string) error {
	it := correspondent{address: address, producers: map[string]*kgo.Client{}}
	asked := bufio.NewScanner(os.Stdin)
	for asked.Scan() {
		answer, err := it.answer(strings.Split(asked.Text(), "\t"))
		if err != nil {
			return err
		}
		for _, line := range append(answer, "") {
			fmt.Println(line)
		}
	}
	return asked.Err()
}

type correspondent struct {
	address string
	// By what they are for and the codec: what was refused is not the end of one.
	producers map[string]*kgo.Client
}

func (it *correspondent) answer(words []string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	switch words[0] {
	case "send":
		return it.send(ctx, words[1], words[2], words[3])
	case "stream":
		return it.stream(ctx, words[1], words[2], words[3])
	case "read":
		count, err := strconv.Atoi(words[2])
		if err != nil {
			return nil, err
		}
		return it.read(ctx, words[1], count)
	}
	return nil, fmt.Errorf("what is %q", words)
}

// send puts all into one batch: no record goes before the others are there, also of a topic of which nothing is known yet.
func (it *correspondent) send(ctx context.Context, topic, codec, file string) ([]string, error) {
	producer, err := it.producer("send", codec, kgo.ProducerLinger(200*time.Millisecond))
	if err != nil {
		return nil, err
	}
	return outcomes(ctx, producer, topic, file, "key")
}

// stream puts each into a batch of its own; none waits for what became of those before it, as long as there are few of them:
// what is refused takes all with it that its producer holds.
func (it *correspondent) stream(ctx context.Context, topic, codec, file string) ([]string, error) {
	const batchBytes = 512
	producer, err := it.producer("stream", codec, kgo.ProducerBatchMaxBytes(batchBytes), kgo.MaxBufferedRecords(8))
	if err != nil {
		return nil, err
	}
	return outcomes(ctx, producer, topic, file, strings.Repeat("k", batchBytes*2/3))
}

func outcomes(ctx context.Context, producer *kgo.Client, topic, file, key string) ([]string, error) {
	records, err := recordsOf(topic, file, key)
	if err != nil {
		return nil, err
	}
	var found []string
	for index, it := range producer.ProduceSync(ctx, records...) {
		if it.Record != records[index] {
			return nil, fmt.Errorf("%q is told of before %q", it.Record.Value, records[index].Value)
		}
		found = append(found, outcome(it.Err))
	}
	return found, nil
}

func (it *correspondent) read(ctx context.Context, topic string, count int) ([]string, error) {
	reader, err := client(it.address, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {0: kgo.NewOffset().AtStart()},
	}))
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var found []string
	for len(found) < count {
		fetched := reader.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			return nil, fmt.Errorf("%s: after %d records: %w", topic, len(found), err)
		}
		for _, record := range fetched.Records() {
			verdict := "good"
			if slices.ContainsFunc(record.Headers, func(it kgo.RecordHeader) bool { return it.Key == "tamis.rule" }) {
				verdict = "bad"
			}
			found = append(found, verdict+"\t"+string(record.Value))
		}
	}
	return found, nil
}

func (it *correspondent) producer(purpose, codec string, options ...kgo.Opt) (*kgo.Client, error) {
	key := purpose + " " + codec
	if made, is := it.producers[key]; is {
		return made, nil
	}
	made, err := client(it.address, append(options, kgo.ProducerBatchCompression(codecs[codec]))...)
	it.producers[key] = made
	return made, err
}

func recordsOf(topic, file, key string) ([]*kgo.Record, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var made []*kgo.Record
	for line := range strings.Lines(string(text)) {
		made = append(made, &kgo.Record{
			Topic:   topic,
			Key:     []byte(key),
			Value:   []byte(strings.TrimSuffix(line, "\n")),
			Headers: []kgo.RecordHeader{{Key: "kind", Value: []byte("test")}},
		})
	}
	return made, nil
}

func outcome(err error) string {
	if err == nil {
		return "taken"
	}
	kind := "other"
	if broker := (*kerr.Error)(nil); errors.As(err, &broker) {
		kind = broker.Message
	}
	return strings.Join([]string{"refused", kind, err.Error()}, "\t")
}
