package main

import (
	"context"
	"database/sql"

	_ "github.com/go-sql-driver/mysql"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"stock/market"
)

// shelf is a table of MariaDB. Whatever has parameters is a prepared statement on the wire.
type shelf struct{ db *sql.DB }

func openShelf(address string) (*shelf, error) {
	db, err := sql.Open("mysql", address)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS shelf (sku VARCHAR(32) PRIMARY KEY, pieces INT NOT NULL)",
		"REPLACE INTO shelf VALUES ('net-40', 12), ('rod-270', 3)",
	} {
		if _, err := db.Exec(statement); err != nil {
			return nil, err
		}
	}
	return &shelf{db}, nil
}

func (s *shelf) level(ctx context.Context, sku string) (*market.Pieces, error) {
	pieces := &market.Pieces{Sku: sku}
	err := s.db.QueryRowContext(ctx, "SELECT pieces FROM shelf WHERE sku = ?", sku).Scan(&pieces.Pieces)
	if err == sql.ErrNoRows {
		return nil, status.Errorf(codes.NotFound, "there is no article %s", sku)
	}
	return pieces, err
}

func (s *shelf) add(ctx context.Context, pieces *market.Pieces) error {
	work, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer work.Rollback()
	if _, err := work.ExecContext(ctx, "UPDATE shelf SET pieces = pieces + ? WHERE sku = ?", pieces.Pieces, pieces.Sku); err != nil {
		return err
	}
	return work.Commit()
}
