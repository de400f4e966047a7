package sample

import (
	"sort"
	"strconv"
)

// class is a class of meteorites.
type class struct {
	name   string
	weight uint64 // how common it is, among some 45,000
	upTo   uint64 // sum of the weights up to this one
	iron   bool
}

// count is how many classes there are: as many as in the real table.
const count = 466

func (g *generator) class() class {
	pick := uint64(g.below(int(g.total)))
	i := sort.Search(len(g.classes), func(i int) bool { return g.classes[i].upTo > pick })
	return g.classes[i]
}

// classes makes the names by the rules of the field: chemical group and petrologic
// type for chondrites, structure for achondrites, chemical group for irons. Four
// fifths of all meteorites are ordinary chondrites of types 4 to 6; each further
// name is rarer than the one before.
func classes() []class {
	out := make([]class, 0, count+64)
	seen := map[string]bool{}
	add := func(name string, weight int) {
		if weight > 0 && !seen[name] && len(out) < count {
			seen[name] = true
			out = append(out, class{name: name, weight: uint64(weight), iron: len(name) > 4 && name[:4] == "Iron"})
		}
	}
	groups := []struct {
		name  string
		types [4]int // weights of the types 3 to 6
	}{
		{"H", [4]int{390, 4200, 7100, 4500}},
		{"L", [4]int{370, 1250, 4800, 8300}},
		{"LL", [4]int{130, 270, 2750, 2050}},
	}
	for _, g := range groups {
		add(g.name, 100)
		for i, w := range g.types {
			t := strconv.Itoa(3 + i)
			add(g.name+t, w)
			add(g.name+"~"+t, w/70)
			if i < 3 {
				next := strconv.Itoa(4 + i)
				add(g.name+t+"/"+next, w/20)
				add(g.name+t+"-"+next, w/80)
			}
			add(g.name+t+"-melt breccia", w/700)
			add(g.name+"("+t+")", w/900)
		}
		add(g.name+"-melt rock", 18)
		add(g.name+"-imp melt", 12)
		add(g.name+"-metal", 2)
	}
	// The carbonaceous, enstatite and other chondrites.
	for _, g := range []struct {
		name   string
		weight int
		types  string
	}{
		{"CM", 420, "21"}, {"CO", 340, "3"}, {"CV", 260, "32"}, {"CR", 140, "213"}, {"CK", 95, "54361"}, {"CI", 9, "1"}, {"CH", 22, "3"},
		{"E", 210, "3456"}, {"EH", 120, "34567"}, {"EL", 75, "63457"}, {"R", 45, "43567"}, {"C", 12, "2341"}, {"K", 3, "3"},
	} {
		w := g.weight
		for _, t := range g.types {
			add(g.name+string(t), w)
			add(g.name+string(t)+"-an", w/60)
			w = w/3 + 1
		}
		add(g.name+"-ung", g.weight/40)
	}
	for i, name := range []string{"Ureilite", "Diogenite", "Howardite", "Eucrite", "Aubrite", "Acapulcoite", "Winonaite", "Lodranite", "Brachinite", "Angrite", "Acapulcoite/Lodranite"} {
		w := 300 / (i + 1)
		add(name, w)
		for j, kind := range []string{"-pmict", "-mmict", "-an", "-br", "-cm", "-unbr"} {
			if i < 4 {
				add(name+kind, w/(j+2))
			}
		}
	}
	for i, kind := range []string{"anorth", "feldsp. breccia", "bas. breccia", "basalt", "gabbro", "norite"} {
		add("Lunar ("+kind+")", 70/(i+1))
	}
	for i, kind := range []string{"shergottite", "nakhlite", "chassignite", "OPX"} {
		add("Martian ("+kind+")", 100>>(3*i))
	}
	for i, group := range []string{"IIIAB", "IIAB", "ungrouped", "IAB-MG", "IVA", "IAB complex", "IID", "IAB-ung", "IIE", "IAB-sLL", "IIIE", "IVB", "IC", "IIC", "IIIF", "IIG", "IIF", "IAB-sLM", "IAB-sLH", "IAB-sHL", "IAB-sHH"} {
		w := 290 / (i + 1)
		add("Iron, "+group, w)
		add("Iron, "+group+"-an", w/30)
		add("Iron, "+group+"?", w/60)
	}
	add("Iron", 95)
	add("Mesosiderite", 137)
	for i, letter := range []string{"A", "B", "C"} {
		for t := range 5 {
			add("Mesosiderite-"+letter+strconv.Itoa(t), 14/(1+i+t))
		}
	}
	add("Pallasite", 12)
	add("Pallasite, PMG", 30)
	add("Pallasite, PES", 4)
	add("Pallasite, ungrouped", 5)
	add("OC", 80)
	add("Achondrite-ung", 57)
	add("Chondrite-ung", 20)
	add("Stone-uncl", 30)
	add("Unknown", 8)
	// The long tail: the subtypes of type 3, then breccias of unlike halves.
	for sub := range 10 {
		for i, g := range []string{"L", "H", "LL", "L/LL", "H/L", "CO", "CV"} {
			add(g+"3."+strconv.Itoa((sub*7+5)%10), 90/(1+i)/(1+sub/2))
		}
	}
	for _, mixed := range []string{"L/LL", "H/L"} {
		for t := 3; t <= 6; t++ {
			add(mixed+strconv.Itoa(t), 40/t)
			add(mixed+"~"+strconv.Itoa(t), 2)
		}
	}
	for from := 30; from < 38; from++ {
		for to := from + 1; to <= 60; to++ {
			if to > 39 && to%10 != 0 {
				continue
			}
			for _, g := range []string{"L", "H", "LL"} {
				high := "3." + strconv.Itoa(to-30)
				if to > 39 {
					high = strconv.Itoa(to / 10)
				}
				add(g+"3."+strconv.Itoa(from-30)+"-"+high, 1+5/(to-from))
			}
		}
	}
	return out
}

// site is where meteorites are found.
type site struct {
	name     string
	lat, lon int // in hundredths of a degree
	spread   int // standard deviation, in hundredths of a degree
	fixed    int // percent that have the site's own position
	weight   int
}

// The sites and their names are made up; they lie where the ice and the deserts are.
// Read only.
var (
	finds = []site{
		{"Blue Icefield", -7150, 3550, 60, 92, 4600},
		{"Long Moraine", -8400, 16800, 40, 90, 3000},
		{"High Plateau", -7200, 2600, 50, 85, 1500},
		{"Nunatak", -7968, 15950, 50, 80, 1400},
		{"Snow Hills", -7650, 15800, 70, 60, 1700},
		{"Polar Ridge", -8640, -7000, 40, 55, 480},
		{"Far Glacier", -8672, -14150, 40, 60, 380},
		{"Southmost Ice", -8563, 17500, 30, 50, 560},
		{"Eastern Icefall", -7290, 7530, 30, 20, 900},
		{"Dune Sea", 2850, 50, 350, 1, 5200},
		{"Hamada", 2700, 1650, 250, 1, 2000},
		{"Aïr Dunes", 1950, 900, 200, 2, 300},
		{"Erg Été", 3050, -500, 200, 3, 500},
		{"Gravel Plain", 1950, 5600, 120, 1, 3300},
		{"Wadi", 1850, 5430, 80, 1, 900},
		{"Salar Niño", -2485, -7053, 60, 30, 900},
		{"Limestone Plain", -3100, 12800, 250, 1, 700},
		{"Dry Lake", 3550, -11650, 350, 2, 1100},
		{"High Plains", 3500, -10200, 400, 1, 1300},
		{"Gobi Step", 4300, 9300, 400, 1, 300},
		{"Farmland", 4800, 1500, 700, 0, 500},
		{"Pampa", -3000, -6200, 500, 0, 300},
		{"Bushveld", -2500, 2200, 600, 0, 250},
	}
	falls = []site{
		{"", 4700, 1000, 600, 0, 300},
		{"", 2300, 7900, 500, 0, 170},
		{"", 3700, -9000, 600, 0, 170},
		{"", 3300, 11300, 500, 0, 110},
		{"", 3550, 13700, 200, 0, 60},
		{"", 5300, 4000, 600, 0, 110},
		{"", 500, 1500, 1200, 0, 120},
		{"", -2200, -5400, 900, 0, 70},
		{"", -2900, 14500, 500, 0, 30},
	}
)
