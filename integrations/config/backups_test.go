package config_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gumshoe/engine/source"
	"gumshoe/integrations/config"
)

const declared = `backups:
  orders:
    of: the database of orders
    data: /var/lib/postgresql
    paths: [/var/backups/orders/*.dump, more/*.dump]
    every: 1d
    keep: 7
    min_size: 10MiB
    format: pg_dump
    restore_test: /var/lib/restore/orders
    restore_every: 30d
    copies:
      - { path: /mnt/nas/orders/*.dump, medium: nas }
      - { url: "https://backups.example.com/orders.dump?sign=x", medium: s3, offsite: true, immutable: true }
  etc: { paths: /var/backups/etc*.tar.gz, medium: tape, every: 1w, min_size: 4096 }
  away: { every: 1h, copies: [{ url: "http://backups.example.com/" }] }
`

func TestBackups(t *testing.T) {
	path := write(t, declared)
	c, faults := config.Load(path)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	want := []config.Backup{
		{
			Name: "orders", Of: "the database of orders", Data: "/var/lib/postgresql", Every: day, Keep: 7, MinSizeBytes: 10 << 20,
			Format: "pg_dump", RestoreTest: "/var/lib/restore/orders", RestoreEvery: 30 * day,
			Copies: []config.BackupCopy{
				{Paths: []string{"/var/backups/orders/*.dump", filepath.Join(filepath.Dir(path), "more/*.dump")}, Medium: "disk"},
				{Paths: []string{"/mnt/nas/orders/*.dump"}, Medium: "nas"},
				{URL: "https://backups.example.com/orders.dump?sign=x", Medium: "s3", Offsite: true, Immutable: true},
			},
		},
		{
			Name: "etc", Every: 7 * day, MinSizeBytes: 4096, Format: "auto", RestoreEvery: 90 * day,
			Copies: []config.BackupCopy{{Paths: []string{"/var/backups/etc*.tar.gz"}, Medium: "tape"}},
		},
		{
			Name: "away", Every: time.Hour, Format: "auto", RestoreEvery: 90 * day,
			Copies: []config.BackupCopy{{URL: "http://backups.example.com/", Medium: "url"}},
		},
	}
	if diff := cmp.Diff(want, c.Backups, cmpopts.IgnoreTypes(source.Position{})); diff != "" {
		t.Error(diff)
	}
}
