// How many pieces of each article are on the shelf: gRPC for whoever asks, MariaDB behind it.
package main

import (
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"stock/market"
)

func main() {
	shelf, err := openShelf("market:market@tcp(mysql:3306)/market")
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", ":50051")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	market.RegisterStockServer(server, &stock{shelf: shelf})
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		server.Stop()
	}()
	log.Print("serving on port 50051")
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
