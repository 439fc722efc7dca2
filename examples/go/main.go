// The least of a consumer: keeps a copy of the shifts and prints it.
//
// Usage: consumer URL SEQ, with a token of the service in TOKEN. It loads a snapshot, says so on standard error, leaves, resumes from its cursor, and when everything through SEQ has come it prints
// the seq of each record by park_id/driver_id as one line of JSON. The digest, the age of the data and repair are in examples/python.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"

	"connectrpc.com/connect"

	deptransv1 "deptrans.example/consumer/gen/deptrans/v1"
)

//go:generate go build -o ../../.cache/go/protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go
//go:generate sh -c "cd ../.. && node_modules/.bin/buf generate --template examples/go/buf.gen.yaml"

const (
	procedure   = "/deptrans.v1.IncrementalUpdatesService/WatchStatuses"
	windowBytes = 4 << 20
)

type client = connect.Client[deptransv1.WatchStatusesRequest, deptransv1.WatchStatusesResponse]

// What a consumer holds of a stream.
type feedCopy struct {
	records  map[string]*deptransv1.SessionRecord
	position int64
	cursor   []byte
	complete bool
}

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: consumer URL SEQ")
	}
	seq, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	watch := newClient(args[0])
	held := &feedCopy{records: map[string]*deptransv1.SessionRecord{}}
	if err := held.follow(ctx, watch, func() bool { return held.complete }); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d records\n", len(held.records))
	if err := held.follow(ctx, watch, func() bool { return held.complete && held.position >= seq }); err != nil {
		return err
	}
	seqs := map[string]int64{}
	for key, record := range held.records {
		seqs[key] = record.Seq
	}
	return json.NewEncoder(os.Stdout).Encode(seqs)
}

func newClient(url string) *client {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{
		Protocols: protocols,
		HTTP2:     &http.HTTP2Config{MaxReceiveBufferPerConnection: windowBytes, MaxReceiveBufferPerStream: windowBytes},
	}
	return connect.NewClient[deptransv1.WatchStatusesRequest, deptransv1.WatchStatusesResponse](
		&http.Client{Transport: transport}, url+procedure, connect.WithGRPC())
}

// Follows the stream from the cursor on until done says so after a frame.
func (held *feedCopy) follow(ctx context.Context, watch *client, done func() bool) error {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	request := connect.NewRequest(&deptransv1.WatchStatusesRequest{Cursor: held.cursor})
	if token := os.Getenv("TOKEN"); token != "" {
		request.Header().Set("Authorization", "Bearer "+token)
	}
	stream, err := watch.CallServerStream(ctx, request)
	if err != nil {
		return err
	}
	defer stream.Close()
	for stream.Receive() {
		if err := held.apply(stream.Msg()); err != nil {
			return err
		}
		if done() {
			return nil
		}
	}
	return fmt.Errorf("the stream ended: %w", stream.Err())
}

// Takes one frame in. A frame of a kind that is newer than this program is passed over.
func (held *feedCopy) apply(response *deptransv1.WatchStatusesResponse) error {
	switch frame := response.Frame.(type) {
	case *deptransv1.WatchStatusesResponse_Reset_:
		*held = feedCopy{records: map[string]*deptransv1.SessionRecord{}}
	case *deptransv1.WatchStatusesResponse_Changes:
		return held.change(frame.Changes)
	case *deptransv1.WatchStatusesResponse_SnapshotEnd:
		held.cursor, held.complete = frame.SnapshotEnd.Cursor, true
	case *deptransv1.WatchStatusesResponse_Heartbeat:
		held.position, held.cursor, held.complete = frame.Heartbeat.ThroughSeq, frame.Heartbeat.Cursor, true
	case *deptransv1.WatchStatusesResponse_GoAway:
		held.cursor = frame.GoAway.Cursor
	}
	return nil
}

func (held *feedCopy) change(changes *deptransv1.StatusChanges) error {
	if changes.PrevSeq != held.position {
		return fmt.Errorf("the stream goes on from %d, the copy is at %d", changes.PrevSeq, held.position)
	}
	for _, record := range changes.Records {
		key := record.ParkId + "/" + record.DriverId
		if record.Deleted {
			delete(held.records, key)
		} else {
			held.records[key] = record
		}
	}
	held.position, held.cursor = changes.ThroughSeq, changes.Cursor
	return nil
}
