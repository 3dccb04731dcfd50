package main

import (
	"context"
	"io"
	"log"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"stock/market"
)

type stock struct{ shelf *shelf }

func (s *stock) Level(ctx context.Context, article *market.Article) (*market.Pieces, error) {
	return s.shelf.level(ctx, article.Sku)
}

// Watch asks for the price as well, once, so that the answer's log has it: a gRPC client in Go.
func (s *stock) Watch(article *market.Article, stream market.Stock_WatchServer) error {
	for left := int32(3); left > 0; left-- {
		if err := stream.Send(&market.Pieces{Sku: article.Sku, Pieces: left}); err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond)
	}
	price, err := askPrice(stream.Context(), article)
	if err != nil {
		return err
	}
	log.Printf("sold out: %s at %d %s", article.Sku, price.Cents, price.Currency)
	return nil
}

func (s *stock) Fill(stream market.Stock_FillServer) error {
	total := &market.Pieces{}
	for {
		pieces, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(total)
		}
		if err != nil {
			return err
		}
		total.Sku = pieces.Sku
		total.Pieces += pieces.Pieces
		if err := s.shelf.add(stream.Context(), pieces); err != nil {
			return err
		}
	}
}

func (s *stock) Chat(stream market.Stock_ChatServer) error {
	for {
		article, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		pieces, err := s.shelf.level(stream.Context(), article.Sku)
		if err != nil {
			return err
		}
		if err := stream.Send(pieces); err != nil {
			return err
		}
	}
}

func askPrice(ctx context.Context, article *market.Article) (*market.Money, error) {
	connection, err := grpc.DialContext(ctx, "prices:50052", grpc.WithInsecure())
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	defer connection.Close()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer of-stock")
	return market.NewPricesClient(connection).Price(ctx, article)
}
