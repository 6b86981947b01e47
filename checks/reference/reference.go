// Package reference makes the documentation of checks from their Go source: the
// doc comments of the fields of their inputs and outputs, and a page for each
// check. It reads source and definitions, and runs nothing.
package reference

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gumshoe/engine"
)

// Source is what the packages of checks say about themselves.
type Source struct {
	// Fields are the doc comments of all struct fields that have a json tag.
	Fields engine.FieldDocs
	// Checks are the doc comments of the functions that make the checks, by the
	// check's name: the function's body holds Name: "host.cpu".
	Checks map[string]string
}

// Parse reads the packages in a directory and below. importPath is that of the
// directory. Tests and testdata are left out.
func Parse(dir, importPath string) (*Source, error) {
	return parse(dir, importPath, func(file string) bool { return !strings.HasSuffix(file, "_test.go") })
}

// ParseWithTests is Parse for a test whose checks may be its own.
func ParseWithTests(dir, importPath string) (*Source, error) {
	return parse(dir, importPath, func(string) bool { return true })
}

func parse(dir, importPath string, wanted func(file string) bool) (*Source, error) {
	s := &Source{Fields: engine.FieldDocs{}, Checks: map[string]string{}}
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "testdata":
			return filepath.SkipDir
		case entry.IsDir(), !strings.HasSuffix(file, ".go"), !wanted(file):
			return nil
		}
		below, err := filepath.Rel(dir, filepath.Dir(file))
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		return s.read(path.Join(importPath, filepath.ToSlash(below)), parsed)
	})
	return s, err
}

func (s *Source) read(importPath string, file *ast.File) error {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if t, ok := spec.(*ast.TypeSpec); ok {
					if fields, ok := t.Type.(*ast.StructType); ok {
						s.readStruct(importPath+"."+t.Name.Name, fields)
					}
				}
			}
		case *ast.FuncDecl:
			if name := checkName(decl); name != "" {
				if _, again := s.Checks[name]; again {
					return fmt.Errorf("%s: two functions make the check %s", importPath, name)
				}
				s.Checks[name] = decl.Doc.Text()
			}
		}
	}
	return nil
}

func (s *Source) readStruct(name string, fields *ast.StructType) {
	for _, field := range fields.Fields.List {
		if field.Tag == nil {
			continue
		}
		text, err := strconv.Unquote(field.Tag.Value)
		tag := reflect.StructTag(text).Get("json")
		if err != nil || tag == "" {
			continue
		}
		if s.Fields[name] == nil {
			s.Fields[name] = map[string]string{}
		}
		if doc := strings.Join(strings.Fields(field.Doc.Text()), " "); doc != "" {
			s.Fields[name][tag] = userWords(doc, field.Names[0].Name, tag)
		}
	}
}

// userWords begins a comment with the field's name as users know it.
func userWords(doc, goName, tag string) string {
	if rest, ok := strings.CutPrefix(doc, goName+" "); ok {
		return tag + " " + rest
	}
	return doc
}

// checkName finds Name: "…" in a literal of engine.Check in a function.
func checkName(decl *ast.FuncDecl) (name string) {
	if decl.Body == nil {
		return ""
	}
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok || !isCheck(literal.Type) {
			return true
		}
		for _, element := range literal.Elts {
			pair, ok := element.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			key, isIdent := pair.Key.(*ast.Ident)
			value, isLiteral := pair.Value.(*ast.BasicLit)
			if isIdent && isLiteral && key.Name == "Name" {
				name, _ = strconv.Unquote(value.Value)
			}
		}
		return true
	})
	return name
}

func isCheck(t ast.Expr) bool {
	generic, ok := t.(*ast.IndexListExpr)
	if !ok {
		return false
	}
	selector, ok := generic.X.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == "Check"
}

// Undocumented lists the fields of a check that have no doc comment, each with
// its path.
func (s *Source) Undocumented(d *engine.Definition) []string {
	return append(s.undocumented("input ", d.In), s.undocumented("", d.Out)...)
}

func (s *Source) undocumented(prefix string, described *engine.Struct) []string {
	var missing []string
	for _, field := range described.Fields {
		if s.Fields[typeName(described)][field.Name] == "" {
			missing = append(missing, prefix+field.Name)
		}
		if field.Of != nil {
			missing = append(missing, s.undocumented(prefix+field.Name+".", field.Of)...)
		}
	}
	return missing
}

func typeName(s *engine.Struct) string { return s.Type.PkgPath() + "." + s.Type.Name() }

// Generate makes all files of the reference, by their paths from the root of the
// repository: checks/fields.json and docs/checks/*.md. root is that directory.
// The same source gives the same bytes.
func Generate(root string, instruments []engine.Instrument) (map[string][]byte, error) {
	source, err := Parse(filepath.Join(root, "checks"), "gumshoe/checks")
	if err != nil {
		return nil, err
	}
	registry, err := engine.NewRegistry(func() engine.FieldDocs { return source.Fields }, instruments...)
	if err != nil {
		return nil, err
	}
	used := engine.FieldDocs{}
	files := map[string][]byte{}
	var index []*engine.Definition
	for _, name := range registry.Names() {
		d, _ := registry.Lookup(name)
		if missing := source.Undocumented(d); len(missing) > 0 {
			return nil, fmt.Errorf("check %s: no doc comment on %s", name, strings.Join(missing, ", "))
		}
		if source.Checks[name] == "" {
			return nil, fmt.Errorf("check %s: no doc comment on the function that makes it", name)
		}
		source.use(used, d.In)
		source.use(used, d.Out)
		files["docs/checks/"+name+".md"] = page(d, markdown(source.Checks[name]))
		index = append(index, d)
	}
	files["docs/checks/README.md"] = indexPage(index)
	text, err := json.MarshalIndent(used, "", "\t")
	files["checks/fields.json"] = append(text, '\n')
	return files, err
}

func (s *Source) use(used engine.FieldDocs, described *engine.Struct) {
	if docs := s.Fields[typeName(described)]; len(docs) > 0 {
		used[typeName(described)] = docs
	}
	for _, field := range described.Fields {
		if field.Of != nil {
			s.use(used, field.Of)
		}
	}
}

// markdown renders a doc comment without its first paragraph, which names the Go
// function.
func markdown(doc string) string {
	var p comment.Parser
	parsed := p.Parse(doc)
	if len(parsed.Content) > 0 {
		parsed.Content = parsed.Content[1:]
	}
	var out strings.Builder
	for i, block := range parsed.Content {
		if i > 0 {
			out.WriteByte('\n')
		}
		code, ok := block.(*comment.Code)
		if !ok {
			printer := comment.Printer{HeadingLevel: 2}
			out.Write(printer.Markdown(&comment.Doc{Content: []comment.Block{block}}))
			continue
		}
		language := "sh"
		if strings.Contains(code.Text, "check: ") {
			language = "yaml"
		}
		fmt.Fprintf(&out, "```%s\n%s```\n", language, code.Text)
	}
	return out.String()
}

// Stale lists what on disk differs from the files that Generate made: those that
// are missing or different, and pages that no check has any more.
func Stale(root string, files map[string][]byte) ([]string, error) {
	var stale []string
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || string(got) != string(want) {
			stale = append(stale, name)
		}
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs/checks/*"))
	for _, file := range pages {
		name := "docs/checks/" + filepath.Base(file)
		if _, ok := files[name]; !ok {
			stale = append(stale, name+" (of no check)")
		}
	}
	slices.Sort(stale)
	return stale, err
}
