package postgres

import "context"

// maxXID is how many transactions there can be before numbers would be used again.
const maxXID = 1 << 31

// vacuum reads how far the cleaning is.
func (l *look) vacuum(ctx context.Context) {
	r, ok := l.one(ctx, `SELECT `+marker+` datname AS name, age(datfrozenxid) AS age, current_setting('autovacuum_freeze_max_age') AS most,
		current_setting('autovacuum') = 'on' AS enabled, current_setting('autovacuum_max_workers') AS workers
		FROM pg_database ORDER BY age(datfrozenxid) DESC LIMIT 1`,
		"vacuum.enabled", "vacuum.max_workers", "vacuum.oldest_xid_age", "vacuum.oldest_database", "vacuum.freeze_percent", "vacuum.wraparound_percent")
	v := &l.Vacuum
	if ok {
		v.Enabled, v.MaxWorkers = r.bool("enabled"), r.int("workers")
		v.OldestXIDAge, v.OldestDatabase = r.int("age"), r.text("name")
		v.FreezePercent = share(float64(v.OldestXIDAge), r.number("most"))
		v.WraparoundPercent = share(float64(v.OldestXIDAge), maxXID)
	}
	if l.gone == "" && !l.sees {
		l.unread("the user may not see the sessions of others", l.grant(), "vacuum.workers")
	} else if r, ok := l.one(ctx, "SELECT "+marker+" count(*) AS n FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'", "vacuum.workers"); ok {
		v.Workers = r.int("n")
	}
	answer, ok := l.ask(ctx, `SELECT `+marker+` schemaname AS schema, relname AS name, n_dead_tup AS dead, n_live_tup AS live,
		n_dead_tup > current_setting('autovacuum_vacuum_threshold')::float8 + current_setting('autovacuum_vacuum_scale_factor')::float8 * n_live_tup AS due,
		extract(epoch FROM clock_timestamp() - greatest(last_vacuum, last_autovacuum)) AS vacuumed
		FROM pg_stat_user_tables WHERE n_dead_tup > 0 ORDER BY n_dead_tup DESC LIMIT 5`, "vacuum.tables")
	if !ok {
		return
	}
	for _, r := range answer {
		t := Table{
			Name: r.text("schema") + "." + r.text("name"), DeadRows: r.int("dead"), LiveRows: r.int("live"), Due: r.bool("due"),
			Vacuumed: r.has("vacuumed"), VacuumedSeconds: r.number("vacuumed"),
		}
		t.DeadPercent = share(float64(t.DeadRows), float64(t.DeadRows+t.LiveRows))
		v.Tables = append(v.Tables, t)
	}
}
