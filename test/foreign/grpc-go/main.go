// Calls the methods of a service as grpc-go does, and says what each call came to.
//
// Usage: calls DESCRIPTORS ADDRESS < CALLS > RESULTS, where DESCRIPTORS is a file with the contract as a FileDescriptorSet, CALLS a JSON array of
// calls and RESULTS one of results, in the same order. All calls go over one connection.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// call is a request as JSON. Of a stream no more than Frames answers are read.
type call struct {
	Service string            `json:"service"`
	Method  string            `json:"method"`
	Request json.RawMessage   `json:"request"`
	Headers map[string]string `json:"headers"`
	Frames  int               `json:"frames"`
}

// result holds the answers as JSON, the code of the status and the reason of a refusal.
type result struct {
	Answers []json.RawMessage `json:"answers"`
	Code    string            `json:"code"`
	Reason  string            `json:"reason"`
}

const patience = time.Minute

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: calls DESCRIPTORS ADDRESS < CALLS > RESULTS")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(descriptors, address string) error {
	files, err := readFiles(descriptors)
	if err != nil {
		return err
	}
	var calls []call
	if err := json.NewDecoder(os.Stdin).Decode(&calls); err != nil {
		return err
	}
	conn, err := grpc.Dial(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	results := make([]result, len(calls))
	for i, asked := range calls {
		if results[i], err = perform(conn, files, asked); err != nil {
			return fmt.Errorf("%s/%s: %w", asked.Service, asked.Method, err)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

func readFiles(path string) (*protoregistry.Files, error) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(bytes, &set); err != nil {
		return nil, err
	}
	return protodesc.NewFiles(&set)
}

// perform makes one call. What the server says is in the result, refusals included; an error is a fault of the call itself.
func perform(conn *grpc.ClientConn, files *protoregistry.Files, asked call) (result, error) {
	found, err := files.FindDescriptorByName(protoreflect.FullName(asked.Service))
	if err != nil {
		return result{}, err
	}
	service, isService := found.(protoreflect.ServiceDescriptor)
	if !isService {
		return result{}, errors.New("no service")
	}
	method := service.Methods().ByName(protoreflect.Name(asked.Method))
	if method == nil {
		return result{}, errors.New("no such method")
	}
	request := dynamicpb.NewMessage(method.Input())
	if err := protojson.Unmarshal(asked.Request, request); err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(context.Background(), metadata.New(asked.Headers)), patience)
	defer cancel()
	answers, err := ask(ctx, conn, method, fmt.Sprintf("/%s/%s", asked.Service, asked.Method), request, asked.Frames)
	said := result{Answers: []json.RawMessage{}}
	for _, answer := range answers {
		text, err := protojson.Marshal(answer)
		if err != nil {
			return result{}, err
		}
		said.Answers = append(said.Answers, text)
	}
	told := status.Convert(err)
	said.Code = told.Code().String()
	for _, detail := range told.Details() {
		if info, is := detail.(*errdetails.ErrorInfo); is {
			said.Reason = info.Reason
		}
	}
	return said, nil
}

func ask(ctx context.Context, conn *grpc.ClientConn, method protoreflect.MethodDescriptor, path string, request proto.Message, frames int) ([]proto.Message, error) {
	if !method.IsStreamingServer() {
		answer := dynamicpb.NewMessage(method.Output())
		if err := conn.Invoke(ctx, path, request, answer); err != nil {
			return nil, err
		}
		return []proto.Message{answer}, nil
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, path)
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(request); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	var answers []proto.Message
	for len(answers) < frames {
		answer := dynamicpb.NewMessage(method.Output())
		if err := stream.RecvMsg(answer); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return answers, err
		}
		answers = append(answers, answer)
	}
	return answers, nil
}
