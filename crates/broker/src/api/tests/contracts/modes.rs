//! What becomes of records that break a contract, in each mode.

use kafka_protocol::messages::CreatePartitionsRequest;

use super::*;
use crate::batch::Records;
use crate::gate::Arrived;

#[test]
fn a_batch_with_a_bad_record_is_refused_whole() {
    let trial = Trial::new().with_orders(&[]);
    let refused = trial.send(plain(&[GOOD, BAD, GOOD, r#"{"amount": "x"}"#, "no JSON"]));
    assert_eq!(refused.error_code, ResponseError::InvalidRecord.code());
    assert_eq!(refused.base_offset, -1);
    let message = refused.error_message.expect("why");
    assert_eq!(
        &*message,
        "3 of 5 records break the contract of topic `orders`"
    );
    let told: Vec<_> = refused
        .record_errors
        .iter()
        .map(|it| {
            (
                it.batch_index,
                it.batch_index_error_message.as_deref().unwrap_or(""),
            )
        })
        .collect();
    assert_eq!(told[0], (1, "amount: minimum: must be at least 1 (0.5)"));
    assert_eq!((told[1].0, told[2].0, told.len()), (3, 4, 3));
    assert!(
        told[1].1.starts_with("id: required: ") && told[1].1.contains("; amount: "),
        "{}",
        told[1].1
    );
    assert_eq!(trial.log("orders", 1).end_offset(), 0);

    let many = vec![BAD; 300];
    assert_eq!(trial.send(plain(&many)).record_errors.len(), 100);
    // Older versions have no place for it.
    for version in 3..=12 {
        let request = produce_request("orders", &[(1, plain(&[BAD]))], 1);
        let refused = &trial.ask(&request, version).responses[0].partition_responses[0];
        assert_eq!(refused.error_code, ResponseError::InvalidRecord.code());
        assert_eq!(refused.record_errors.len(), usize::from(version >= 8));
    }
    assert!(trial.context.broker.topics.topic("orders.dlq").is_none());
}

#[test]
fn numbers_stay_right_for_the_next_try() {
    let trial = Trial::new().with_orders(&[]);
    let batch = |values: &[Option<&str>], sequence| {
        packed_batch(values, Compression::Lz4, (7, 0, sequence))
    };
    let (good, bad) = (Some(GOOD), Some(BAD));
    assert_eq!(trial.send(batch(&[good, good], 0)).error_code, 0);
    assert_eq!(trial.send(batch(&[good, bad], 2)).error_code, 87);
    // Nothing was remembered of it: these numbers are free.
    let taken = trial.send(batch(&[good], 2));
    assert_eq!((taken.error_code, taken.base_offset), (0, 2));
    let again = trial.send(batch(&[good], 2));
    assert_eq!((again.error_code, again.base_offset), (0, 2));
    // What lies too far ahead is told to be that, and not to be bad.
    let gap = ResponseError::OutOfOrderSequenceNumber.code();
    assert_eq!(trial.send(batch(&[bad], 9)).error_code, gap);
    // What was taken is not refused for a contract that came later.
    trial.set(&[(
        "tamis.contract",
        &ORDERS.replace("minimum: 1", "minimum: 100"),
    )]);
    let again = trial.send(batch(&[good], 2));
    assert_eq!((again.error_code, again.base_offset), (0, 2));
    assert_eq!(trial.send(batch(&[good], 3)).error_code, 87);
    assert_eq!(trial.log("orders", 1).end_offset(), 3);
}

/// Goal: what is on the way behind a producer's first batch is not taken when that is refused, as behind any other.
#[test]
fn numbers_stay_right_from_the_first_batch_on() {
    let trial = Trial::new().with_orders(&[]);
    let code = |id, epoch, sequence, value| {
        let batch = packed_batch(&[Some(value)], Compression::None, (id, epoch, sequence));
        trial.send(batch).error_code
    };
    let gap = ResponseError::OutOfOrderSequenceNumber.code();
    let over = ResponseError::InvalidProducerEpoch.code();
    // Its next try, under the same numbers.
    assert_eq!(code(7, 0, 0, BAD), 87);
    assert_eq!((code(7, 0, 1, GOOD), code(7, 0, 2, BAD)), (gap, gap));
    assert_eq!((code(7, 0, 0, GOOD), code(7, 0, 1, GOOD)), (0, 0));
    // Or in a new epoch.
    assert_eq!((code(8, 0, 0, BAD), code(8, 0, 1, GOOD)), (87, gap));
    assert_eq!((code(8, 1, 1, GOOD), code(8, 1, 0, GOOD)), (gap, 0));
    assert_eq!((code(8, 0, 1, GOOD), code(8, 1, 1, GOOD)), (over, 0));
    // Of whom nothing was refused any number is taken: it may have been forgotten.
    assert_eq!((code(9, 0, 5, GOOD), code(9, 0, 6, BAD)), (0, 87));
    assert_eq!((code(10, 3, 5, BAD), code(10, 3, 6, GOOD)), (87, gap));
    assert_eq!((code(10, 3, 5, GOOD), code(10, 3, 6, GOOD)), (0, 0));
    assert_eq!(trial.log("orders", 1).end_offset(), 7);
    // What was on the way has come after a while.
    assert_eq!(code(11, 0, 0, BAD), 87);
    let log = trial.log("orders", 1);
    log.expire_producers(0);
    assert_eq!(code(11, 0, 1, GOOD), gap);
    log.expire_producers(0);
    assert_eq!(code(11, 0, 1, GOOD), 0);
}

#[test]
fn what_passes_whole_is_stored_as_it_came() {
    for mode in ["reject", "dead-letter", "tag", "off"] {
        let trial = Trial::new().with_orders(&[("tamis.on.invalid", mode)]);
        let mut sent = Vec::new();
        for codec in CODECS {
            let batch = packed_batch(&[Some(GOOD); 20], codec, NOBODY);
            assert_eq!(trial.send(batch.clone()).error_code, 0);
            // Offset and epoch are the log's.
            sent.extend_from_slice(&batch[16..]);
        }
        let stored = trial.read_batches("orders", 1);
        let mut rest = &stored[..];
        let mut found = Vec::new();
        while !rest.is_empty() {
            let (_, batch, behind) = crate::batch::split(rest).expect("a batch");
            found.extend_from_slice(&batch[16..]);
            rest = behind;
        }
        assert_eq!(found, sent, "{mode}");
    }
}

#[test]
fn bad_records_go_to_the_dead_letters() {
    let trial = Trial::new().with_orders(&[("tamis.on.invalid", "dead-letter")]);
    for codec in CODECS {
        let values = [Some(GOOD), Some(BAD), None, Some(GOOD), Some("no JSON")];
        let sent = trial.send(packed_batch(&values, codec, NOBODY));
        assert_eq!(sent.error_code, 0, "{codec:?}");
    }
    let stored = trial.read("orders", 1);
    let offsets: Vec<_> = stored.iter().map(|it| it.offset).collect();
    assert_eq!(offsets, [0, 3, 5, 8, 10, 13, 15, 18, 20, 23]);
    assert!(
        stored
            .iter()
            .all(|it| it.value.as_deref() == Some(GOOD.as_bytes()))
    );
    assert!(stored.iter().all(|it| header(it, "tamis.rule").is_none()));
    let letters = trial.read("orders.dlq", 1);
    assert_eq!(letters.len(), 15);
    let first = &letters[0];
    assert_eq!(values(&letters[..3]), [BAD, "(none)", "no JSON"]);
    assert_eq!(first.key.as_deref(), Some(&b"key-1"[..]));
    assert_eq!(first.timestamp, 1_700_000_000_001);
    let names: Vec<_> = first.headers.keys().map(|it| &**it).collect();
    let expected = [
        "source",
        "nothing",
        "tamis.topic",
        "tamis.partition",
        "tamis.index",
        "tamis.column",
        "tamis.rule",
        "tamis.reason",
        "tamis.contract",
        "tamis.contract.revision",
    ];
    assert_eq!(names, expected);
    let told: Vec<_> = names[2..]
        .iter()
        .map(|it| header(first, it).unwrap_or("-"))
        .collect();
    let expected = [
        "orders",
        "1",
        "1",
        "amount",
        "minimum",
        "amount: minimum",
        "orders 1.2.0",
        "1",
    ];
    assert_eq!(told, expected);
    assert_eq!(first.headers[b"nothing".as_slice()], None);
    assert_eq!(header(&letters[2], "tamis.index"), Some("4"));
    let page = crate::metrics::page(&trial.context.broker);
    for line in [
        "tamis_topic_records_in_total{topic=\"orders\"} 10\n",
        "tamis_topic_records_in_total{topic=\"orders.dlq\"} 15\n",
        "tamis_contract_dead_letters_total{topic=\"orders\"} 15\n",
    ] {
        assert!(page.contains(line), "{line}{page}");
    }
    // Both are packed as they came.
    for topic in ["orders", "orders.dlq"] {
        let bytes = trial.read_batches(topic, 1);
        let mut rest = &bytes[..];
        for codec in [0, 1, 2, 3, 4] {
            let (header, _, behind) = crate::batch::split(rest).expect("a batch");
            assert_eq!(header.attributes, codec, "{topic}");
            rest = behind;
        }
    }
}

#[test]
fn a_batch_of_which_nothing_is_left_keeps_its_numbers() {
    let trial = Trial::new().with_orders(&[("tamis.on.invalid", "dead-letter")]);
    let batch =
        |value, sequence| packed_batch(&[Some(value); 3], Compression::Zstd, (7, 0, sequence));
    let sent = trial.send(batch(BAD, 0));
    assert_eq!((sent.error_code, sent.base_offset), (0, 0));
    let sent = trial.send(batch(GOOD, 3));
    assert_eq!((sent.error_code, sent.base_offset), (0, 3));
    let again = trial.send(batch(BAD, 0));
    assert_eq!((again.error_code, again.base_offset), (0, 0));
    assert_eq!(trial.read("orders", 1).len(), 3);
    assert_eq!(trial.read("orders.dlq", 1).len(), 3);
    assert_eq!(trial.log("orders", 1).end_offset(), 6);
}

#[test]
fn bad_records_are_tagged() {
    let trial = Trial::new().with_orders(&[("tamis.on.invalid", "tag")]);
    for codec in CODECS {
        let values = [Some(GOOD), Some(BAD), Some(GOOD)];
        assert_eq!(
            trial
                .send(packed_batch(&values, codec, (7, 0, 3 * codec as i32)))
                .error_code,
            0
        );
    }
    let stored = trial.read("orders", 1);
    assert_eq!(stored.len(), 15);
    for (index, record) in stored.iter().enumerate() {
        assert_eq!(record.offset, index as i64);
        assert_eq!(record.sequence, index as i32);
        assert_eq!(record.timestamp, 1_700_000_000_000 + (index % 3) as i64);
        assert_eq!(header(record, "source"), Some("test"));
        let rule = (index % 3 == 1).then_some("minimum");
        assert_eq!(header(record, "tamis.rule"), rule);
        assert_eq!(
            header(record, "tamis.contract"),
            rule.map(|_| "orders 1.2.0")
        );
    }
    assert!(trial.context.broker.topics.topic("orders.dlq").is_none());
}

#[test]
fn a_dry_run_only_counts() {
    let trial =
        Trial::new().with_orders(&[("tamis.on.invalid", "reject"), ("tamis.dry.run", "true")]);
    let batch = plain(&[GOOD, BAD]);
    assert_eq!(trial.send(batch.clone()).error_code, 0);
    assert_eq!(&trial.read_batches("orders", 1)[16..], &batch[16..]);
    let page = crate::metrics::page(&trial.context.broker);
    for line in [
        "tamis_contract_records_total{topic=\"orders\",verdict=\"good\"} 1\n",
        "tamis_contract_records_total{topic=\"orders\",verdict=\"bad\"} 1\n",
        "tamis_contract_violations_total{topic=\"orders\",column=\"amount\",rule=\"minimum\"} 1\n",
        "tamis_contract_batches_rejected_total{topic=\"orders\"} 0\n",
    ] {
        assert!(page.contains(line), "{line}{page}");
    }
    let last = trial.context.broker.metrics.refusals.last();
    assert_eq!(
        (last[0].fate.name(), last[0].value.as_str()),
        ("passed", BAD)
    );
}

#[test]
fn tombstones_pass_where_they_mean_something() {
    let compacted = ("cleanup.policy", "compact");
    let batch = packed_batch(
        &[Some(GOOD), None, Some(BAD), None],
        Compression::Lz4,
        NOBODY,
    );
    let trial = Trial::new().with_orders(&[compacted]);
    let refused = trial.send(batch.clone());
    let named: Vec<_> = refused
        .record_errors
        .iter()
        .map(|it| it.batch_index)
        .collect();
    assert_eq!((refused.error_code, named), (87, vec![2]));
    trial.set(&[("tamis.on.invalid", "dead-letter")]);
    assert_eq!(trial.send(batch.clone()).error_code, 0);
    assert_eq!(values(&trial.read("orders", 1)), [GOOD, "(none)", "(none)"]);
    let trial = Trial::new().with_orders(&[]);
    let refused = trial.send(batch);
    let named: Vec<_> = refused
        .record_errors
        .iter()
        .map(|it| it.batch_index)
        .collect();
    assert_eq!((refused.error_code, named), (87, vec![1, 2, 3]));
}

#[test]
fn rows_of_csv_are_held_against_it() {
    let trial = Trial::new().with_orders(&[("tamis.payload", "csv")]);
    assert_eq!(trial.send(plain(&["TX1,5", "TX2,7"])).error_code, 0);
    assert_eq!(trial.send(plain(&["TX1,5", "TX2,0.5"])).error_code, 87);
}

#[test]
fn times_of_the_log_are_kept() {
    let of_log = ("message.timestamp.type", "LogAppendTime");
    let trial = Trial::new().with_orders(&[of_log, ("tamis.on.invalid", "dead-letter")]);
    let before = crate::broker::now_ms();
    let sent = trial.send(plain(&[GOOD, BAD]));
    assert!(sent.log_append_time_ms >= before);
    let stored = trial.read_batches("orders", 1);
    let header = Header::check(&stored).expect("it is one batch");
    assert!(header.is_log_append_time());
    let kept = (header.record_count, header.max_timestamp);
    assert_eq!(kept, (1, sent.log_append_time_ms));
    // Those of the dead letters too, from which on they are kept; they are written first.
    let letters = trial.read_batches("orders.dlq", 1);
    let header = Header::check(&letters).expect("it is one batch");
    assert!(header.is_log_append_time() && header.max_timestamp >= before);
}

#[test]
fn dead_letters_are_cut_in_several_batches_and_are_there_once() {
    let trial = Trial::new().with_orders(&[("tamis.on.invalid", "dead-letter")]);
    let long = format!(r#"{{"id": "{}", "amount": 0}}"#, "x".repeat(1000));
    let values = vec![Some(long.as_str()); 2000];
    let batch = packed_batch(&values, Compression::Zstd, (7, 0, i32::MAX - 1000));
    assert_eq!(trial.send(batch.clone()).error_code, 0);
    assert_eq!(trial.send(batch).error_code, 0);
    let letters = trial.read("orders.dlq", 1);
    assert_eq!(letters.len(), 2000);
    let indexes = letters
        .iter()
        .map(|it| header(it, "tamis.index").unwrap_or(""));
    assert!(
        indexes.eq((0..2000)
            .map(|it| it.to_string())
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str))
    );
    let bytes = trial.read_batches("orders.dlq", 1);
    let (header, _, rest) = crate::batch::split(&bytes).expect("a batch");
    assert!(!rest.is_empty() && header.record_count < 2000);
}

#[test]
fn partitions_of_a_request_are_judged_each() {
    let trial = Trial::new().with_orders(&[]);
    let batches = [(0, plain(&[GOOD])), (1, plain(&[BAD])), (7, plain(&[GOOD]))];
    let answered = trial.send_to("orders", &batches, 1);
    let codes: Vec<_> = answered.iter().map(|it| it.error_code).collect();
    assert_eq!(
        codes,
        [0, 87, ResponseError::UnknownTopicOrPartition.code()]
    );
    // Nobody is told, so the connection ends.
    let request = frame_of(&produce_request("orders", &[(0, plain(&[BAD]))], 0), 9);
    let answered = trial.runtime.block_on(answer(&trial.context, request));
    assert!(matches!(
        answered,
        Err(Refused::Unanswered {
            error: ResponseError::InvalidRecord,
            ..
        })
    ));
}

#[test]
fn a_partition_is_named_once_in_a_request() {
    let trial = Trial::new().with_orders(&[]);
    let batches: Vec<_> = (0..50).map(|_| (0, plain(&[GOOD]))).collect();
    let answered = trial.send_to("orders", &batches, 1);
    let codes = answered.iter().map(|it| it.error_code);
    let twice = ResponseError::InvalidRequest.code();
    let expected: Vec<_> = [0].into_iter().chain([twice; 49]).collect();
    assert_eq!(codes.collect::<Vec<_>>(), expected);
    assert_eq!(trial.log("orders", 0).end_offset(), 1);
}

/// A contract of so many columns, all of which there must be.
fn wide(columns: usize, name_len_bytes: usize) -> String {
    let (head, _) = ORDERS.split_once("      - name: id").expect("it has it");
    let names = (0..columns).map(|it| format!("{it:0>name_len_bytes$}"));
    let columns =
        names.map(|it| format!("      - {{name: c{it}, logicalType: string, required: true}}\n"));
    columns.fold(head.to_owned(), |text, column| text + &column)
}

#[test]
fn what_is_told_of_records_is_no_more_than_one_answer_takes() {
    let trial = Trial::new().with_orders(&[]);
    trial.set(&[("tamis.contract", &wide(20, 40))]);
    let bad = plain(&["{}"; 200]);
    let answered = trial.send_to("orders", &[(0, bad.clone()), (1, bad)], 1);
    let mut told_bytes = 0;
    for refused in &answered {
        assert_eq!(refused.error_code, ResponseError::InvalidRecord.code());
        let named = refused.record_errors.iter().map(|it| it.batch_index);
        let named: Vec<_> = named.collect();
        assert!(named.len() > 10 && named.iter().copied().eq(0..named.len() as i32));
        let texts = refused.record_errors.iter();
        let texts = texts.filter_map(|it| it.batch_index_error_message.as_ref());
        told_bytes += texts.map(|it| it.len()).sum::<usize>();
        // All are counted.
        let message = refused.error_message.as_deref();
        assert!(message.is_some_and(|it| it.starts_with("200 of 200 records")));
    }
    assert!((50_000..=64 << 10).contains(&told_bytes), "{told_bytes}");
}

#[test]
fn what_bursts_is_refused() {
    let trial = Trial::new().with_orders(&[("max.message.bytes", "100000")]);
    let zeros = "0".repeat(11_000_000);
    for codec in [Compression::Gzip, Compression::Lz4, Compression::Zstd] {
        let refused = trial.send(packed_batch(&[Some(&zeros)], codec, NOBODY));
        assert_eq!(
            refused.error_code,
            ResponseError::MessageTooLarge.code(),
            "{codec:?}"
        );
    }
    // More than little, and no more than it may be.
    let zeros = "0".repeat(6_000_000);
    let refused = trial.send(packed_batch(&[Some(&zeros)], Compression::Zstd, NOBODY));
    assert_eq!(refused.error_code, ResponseError::InvalidRecord.code());
    // Many empty records, of which more is said than there is of them.
    trial.set(&[("tamis.contract", &wide(20, 40))]);
    for mode in ["tag", "dead-letter"] {
        trial.set(&[("tamis.on.invalid", mode)]);
        let mut builder = BatchBuilder::new(5);
        (0..10_000).for_each(|_| builder.push(5, None, Some(b"{}")));
        let batch = packed(builder, Codec::Zstd);
        assert!(batch.len() < 100_000, "{mode}");
        // Packed it would be little; it takes time and memory all the same.
        let refused = trial.send(batch);
        assert_eq!(
            refused.error_code,
            ResponseError::MessageTooLarge.code(),
            "{mode}"
        );
        assert_eq!(trial.log("orders", 1).end_offset(), 0);
    }
}

#[test]
fn what_nobody_waits_for_any_more_takes_no_turn() {
    let trial = Trial::new().with_orders(&[]);
    let context = &trial.context;
    trial.runtime.block_on(async {
        let all = context.broker.unpacking.take_all().await;
        let request = frame_of(&produce_request("orders", &[(1, plain(&[GOOD]))], 1), 9);
        let answered = tokio::time::timeout(Duration::from_millis(50), answer(context, request));
        assert!(answered.await.is_err(), "there is no memory for it");
        drop(all);
        // What is larger than its topic takes does not wait either.
        let _all = context.broker.unpacking.take_all().await;
        let large = "x".repeat(2 << 20);
        let request = frame_of(&produce_request("orders", &[(1, plain(&[&large]))], 1), 9);
        let answered = tokio::time::timeout(Duration::from_secs(20), answer(context, request));
        assert!(answered.await.is_ok(), "it is refused at once");
    });
    assert_eq!(trial.log("orders", 1).end_offset(), 0);
}

#[test]
fn what_went_through_is_durable_though_nobody_waits_for_it() {
    let trial =
        Trial::new().with_orders(&[("tamis.on.invalid", "dead-letter"), ("flush.ms", "20")]);
    let broker = &trial.context.broker;
    let topic = broker.topics.topic("orders").expect("it is there");
    let log = trial.log("orders", 1);
    let arrived = Arrived {
        partition: 1,
        log: log.clone(),
        gate: topic.gate().expect("it has one"),
        topic,
        records: plain(&[GOOD, BAD]),
    };
    let admitted = trial.runtime.block_on(arrived.admit(broker.clone(), 0));
    admitted.expect("it is taken");
    let letters = trial.log("orders.dlq", 1);
    let started = std::time::Instant::now();
    while log.durable_offset() < 2 || letters.durable_offset() < 1 {
        assert!(started.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(2));
    }
    let page = crate::metrics::page(broker);
    let counted = "tamis_topic_records_in_total{topic=\"orders\"} 1\n";
    assert!(page.contains(counted), "{page}");
}

#[test]
fn tags_do_not_make_batches_that_no_consumer_takes() {
    let trial = Trial::new().with_orders(&[("tamis.on.invalid", "tag")]);
    let max_bytes = trial.log("orders", 1).config().max_message_bytes;
    let of = |count: usize| {
        let mut builder = BatchBuilder::new(5);
        (0..count).for_each(|_| builder.push(5, None, Some(b"{}")));
        Bytes::from(builder.finish())
    };
    let batch = of(90_000);
    assert!(batch.len() < max_bytes);
    let refused = trial.send(batch);
    assert_eq!(
        refused.error_code,
        ResponseError::MessageTooLarge.code(),
        "{refused:?}"
    );
    assert_eq!(trial.log("orders", 1).end_offset(), 0);
    // Longer than what producers send it may be.
    assert_eq!(trial.send(of(40_000)).error_code, 0);
    assert!(trial.read_batches("orders", 1).len() > max_bytes);
}

#[test]
fn records_that_are_none_are_refused() {
    let trial = Trial::new().with_orders(&[("tamis.on.invalid", "tag")]);
    let mut cut = plain(&[GOOD, GOOD]).to_vec();
    // A record of -1 bytes.
    cut[61] = 1;
    crate::batch::seal(&mut cut);
    let count = Records::new(&cut[HEADER_BYTES..], 2)
        .filter(Result::is_ok)
        .count();
    assert!(count < 2);
    assert_eq!(
        trial.send(cut.into()).error_code,
        ResponseError::InvalidRecord.code()
    );
    assert_eq!(trial.log("orders", 1).end_offset(), 0);
}

#[test]
fn dead_letters_that_cannot_be_kept_keep_their_batch_out() {
    let trial = Trial::new().with_orders(&[("tamis.on.invalid", "dead-letter")]);
    let topics = &trial.context.broker.topics;
    // One that was deleted is made anew, and one that has too few partitions grows.
    topics.delete("orders.dlq").expect("it goes");
    assert_eq!(trial.send(plain(&[GOOD, BAD])).error_code, 0);
    assert_eq!(trial.read("orders.dlq", 1).len(), 1);
    let compacted = topics.configure("orders.dlq", |it| Ok(it.set("cleanup.policy", "compact")?));
    compacted.expect("it is taken");
    assert_eq!(
        trial.send(plain(&[GOOD, BAD])).error_code,
        ResponseError::InvalidConfig.code()
    );
    assert_eq!(trial.send(plain(&[GOOD])).error_code, 0);
    let before = trial.log("orders", 1).end_offset();
    let deleted = topics.configure("orders.dlq", |it| Ok(it.set("cleanup.policy", "delete")?));
    deleted.expect("it is taken");
    trial.log("orders.dlq", 1).end();
    let failed = trial.send(plain(&[GOOD, BAD]));
    assert_eq!(failed.error_code, ResponseError::KafkaStorageError.code());
    assert_eq!(trial.log("orders", 1).end_offset(), before);
}

#[test]
fn producers_write_to_the_dead_letters_as_to_any_topic() {
    let trial = Trial::new().with_orders(&[("tamis.on.invalid", "dead-letter")]);
    let batch = |values: &[Option<&str>], sequence| {
        packed_batch(values, Compression::Lz4, (7, 0, sequence))
    };
    for sequence in 0..4 {
        assert_eq!(trial.send(batch(&[Some(BAD)], sequence)).error_code, 0);
        let direct = [(1, batch(&[Some("whatever")], sequence))];
        assert_eq!(trial.send_to("orders.dlq", &direct, -1)[0].error_code, 0);
        assert_eq!(trial.send_to("orders.dlq", &direct, -1)[0].error_code, 0);
    }
    assert_eq!(trial.read("orders.dlq", 1).len(), 8);
    let gap = trial.send_to("orders.dlq", &[(1, batch(&[Some("whatever")], 9))], -1);
    assert_eq!(
        gap[0].error_code,
        ResponseError::OutOfOrderSequenceNumber.code()
    );
    // Whoever has an id that nobody was given could be taken for another.
    let foreign = packed_batch(&[Some(BAD)], Compression::None, (1 << 41, 0, 0));
    assert_eq!(
        trial.send(foreign).error_code,
        ResponseError::InvalidProducerIdMapping.code()
    );
}

#[test]
fn dead_letters_are_kept_as_long_as_the_others() {
    let kept = [("retention.ms", "-1"), ("retention.bytes", "5000000")];
    let trial = Trial::new().with_orders(&[kept[0], kept[1], ("tamis.on.invalid", "dead-letter")]);
    let topics = &trial.context.broker.topics;
    let of = || {
        let letters = topics.topic("orders.dlq").expect("it was made");
        kept.map(|(name, _)| letters.settings().value(name).unwrap_or("").to_owned())
    };
    assert_eq!(of(), ["-1", "5000000"]);
    // So is one that is made anew, and what somebody set it to stays.
    topics.delete("orders.dlq").expect("it goes");
    assert_eq!(trial.send(plain(&[BAD])).error_code, 0);
    assert_eq!(of(), ["-1", "5000000"]);
    let set = topics.configure("orders.dlq", |it| Ok(it.set("retention.ms", "77")?));
    set.expect("it is taken");
    trial.set(&[("retention.ms", "88")]);
    assert_eq!(of(), ["77", "5000000"]);
}

#[test]
fn a_topic_that_grows_has_its_dead_letters_grow() {
    let trial = Trial::new().with_orders(&[("tamis.on.invalid", "dead-letter")]);
    let topic =
        kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic::default()
            .with_name(TopicName(StrBytes::from_static_str("orders")))
            .with_count(4)
            .with_assignments(None);
    let request = CreatePartitionsRequest::default().with_topics(vec![topic]);
    assert_eq!(trial.ask(&request, 3).results[0].error_code, 0);
    let sent = trial.send_to("orders", &[(3, plain(&[BAD]))], 1);
    assert_eq!(sent[0].error_code, 0);
    assert_eq!(trial.read("orders.dlq", 3).len(), 1);
}
