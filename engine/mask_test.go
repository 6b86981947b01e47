package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gumshoe/engine"
)

func TestMaskerText(t *testing.T) {
	masker := engine.NewMasker(engine.NewSecret("hunter22"), engine.NewSecret("hunter22-longer"), engine.NewSecret("x"))
	for _, row := range []struct{ name, text, want string }{
		{"a known secret", "login as hunter22 ok", "login as REDACTED ok"},
		{"the longer of two first", "hunter22-longer", "REDACTED"},
		{"too short to look for", "x marks", "x marks"},
		{"a password in a DSN", "postgres://app:s3cret@db:5432/x", "postgres://app:REDACTED@db:5432/x"},
		{"key=value", "connecting with password=tiger99 now", "connecting with password=REDACTED now"},
		{"JSON", `{"api_key": "abcdef123"}`, `{"api_key": "REDACTED"}`},
		{"a bearer header", "Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer REDACTED"},
		{"an AWS key", "id AKIAIOSFODNN7EXAMPLE here", "id REDACTED here"},
		{"a GitHub token", "ghp_abcdefghijklmnop1234", "REDACTED"},
		{"a private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nafter", "REDACTED\nafter"},
		{"ordinary text", "cpu 97 % used: 4 cores", "cpu 97 % used: 4 cores"},
		{"a word that only looks so", "the passengers: three", "the passengers: three"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := masker.Text(row.text); got != row.want {
				t.Errorf("got  %q\nwant %q", got, row.want)
			}
		})
	}
}

func TestMaskerValue(t *testing.T) {
	type inner struct{ Text string }
	type output struct {
		Name  string
		Count int
		List  []inner
		Map   map[string]string
	}
	given := output{"hunter22", 3, []inner{{"a hunter22 b"}}, map[string]string{"hunter22": "password=abcdef"}}
	got := engine.NewMasker(engine.NewSecret("hunter22")).Value(given)
	want := output{"REDACTED", 3, []inner{{"a REDACTED b"}}, map[string]string{"REDACTED": "password=REDACTED"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if given.List[0].Text != "a hunter22 b" || given.Map["hunter22"] == "" {
		t.Error("the value given was changed")
	}
}

func TestSecretNeverPrints(t *testing.T) {
	secret := engine.NewSecret("hunter22")
	holder := struct {
		S engine.Secret
		P *engine.Secret
	}{secret, &secret}
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprint(secret), fmt.Sprintf("%s %v %+v %#v %q %x %d", secret, secret, secret, secret, secret, secret, secret),
		fmt.Sprintf("%v %+v %#v", holder, holder, holder), string(encoded),
	} {
		if strings.Contains(text, "hunter") || strings.Contains(text, "68756e746572") {
			t.Errorf("printed the secret: %s", text)
		}
	}
	if got := secret.Reveal(); got != "hunter22" {
		t.Errorf("Reveal gives %q", got)
	}
}

func TestSecretRef(t *testing.T) {
	t.Setenv("GUMSHOE_TEST_SECRET", "from the environment")
	for _, row := range []struct{ ref, want, wrong string }{
		{ref: "env:GUMSHOE_TEST_SECRET", want: "from the environment"},
		{ref: "env:GUMSHOE_TEST_UNSET", wrong: "secret env:GUMSHOE_TEST_UNSET: the environment variable GUMSHOE_TEST_UNSET is not set"},
		{ref: "file:/nowhere/secret", wrong: "secret file:/nowhere/secret: open /nowhere/secret: no such file or directory"},
		{ref: "none"},
		{ref: "hunter22", wrong: "a secret is named by where it is kept: env:NAME or file:PATH"},
		{ref: "env:", wrong: "a secret is named by where it is kept: env:NAME or file:PATH"},
	} {
		t.Run(row.ref, func(t *testing.T) {
			ref, err := engine.ParseSecretRef(row.ref)
			var secret engine.Secret
			if err == nil {
				secret, err = ref.Resolve()
			}
			if got := fmt.Sprint(err); row.wrong != "" && got != row.wrong {
				t.Errorf("got error %q, want %q", got, row.wrong)
			}
			if secret.Reveal() != row.want {
				t.Errorf("got %q, want %q", secret.Reveal(), row.want)
			}
		})
	}
}
