"""Short and spelled forms of given names, as groups of names that people use for one another.

Our own list of everyday forms; folded as `names.fold` folds. A name may stand in several groups (Alex, Sascha).
"""

from __future__ import annotations

from collections.abc import Mapping

_GROUPS = """
alexander alex alexandre aleksander alexandr sascha sasha xander olek aleksandr
alexandra alex sascha sasha aleksandra ola alexa sandra
andreas andi andy andre andrzej andrew drew
anna anne anja ania anka anni annie
hanna hannah hania hanne
barbara barb basia babs barbel
benjamin ben benny benni
charles charlie chuck karl carl
charlotte lotte charly lotta
christian chris krystian kris
christina christine tina chris krystyna krysia kristina christa
christopher christoph chris kit krzysztof krzys
daniel dan danny dani danek
david dave davey dawid
dorothea dorota dora dorotka thea
edward ed eddie ted eduard edi
elisabeth elizabeth liz lisa beth betty elżbieta elzbieta ela lisbeth sissi
emily emilia emi emma
ewa eva evi
fatma fatima
frederick fred freddy friedrich fritz fryderyk
franz franciszek frank franek francis
gabriele gabriela gabi
georg george jerzy jurek jorg
gregory greg grzegorz grzesiek gregor
hans johannes johann john jan johnny janek hannes
heinrich heinz henry henryk harry hank
helena helene leni hela
ignacy ignaz
jacob jakob jake jakub kuba
james jim jimmy jamie
jennifer jenny jen jenni
joachim jochen achim
joanna johanna asia hanna jo
joseph josef joe jozef jupp sepp jozek joey
jonas jonasz
jonathan jon jonny
julia julie jule julka
juliane julianna julia
katarzyna kasia katharina kathrin katrin kate katie kathy catherine katherine kat kaska katja kathi katarina
karolina karo caroline carolin carolina
kenneth ken kenny
klaus niklaus nikolaus nico niko nick nicholas nikolas mikolaj
leonhard leon leo leonard
lukas luke lukasz lucas luki
magdalena magda lena maggie
małgorzata malgorzata gosia margarete margaret maggie greta grete gretel peggy meg margot
manfred manni fred
maria mary marie mia maja marysia marianne mitzi
marcin martin marty
margarethe margarete greta
matthias mathias matt matze mateusz matthew hias
maximilian max maks maksymilian
mehmet mehmed muhammet
mohammed muhammad mohamed mohammad muhammed mo
michael mike mick michal mich michi micha mikey michał
monika moni
nicole nicola nicky niki
oliver oli olli
patricia pat patty tricia patrycja
patrick pat paddy patryk
paul pawel paulchen
paweł pawel paul
peter pete piotr pit piotrek petr
philipp philip phil filip
rebecca becky beck rebekka
richard rick dick rich ryszard rysiek richie
robert rob bob bobby robbie bert
samuel sam sammy
samantha sam
sebastian basti seb sebastien
sophie sofia sophia zofia zosia sofie
stefan steven stephen steve stephan szczepan
susanne susan susi sue susie zuzanna zuza suzanne
theodor theo ted teodor
theresa teresa terry resi tess
thomas tom tommy tomasz tomek
timothy tim timmy
tobias tobi toby
ulrich uli
ulrike uli
ursula uschi ula ulla
viktoria victoria vicky wiktoria tori viki
wilhelm william bill will willi billy wilhelm liam
wolfgang wolf wolfi
agnieszka aga agnes
aleksandra ola
beata beatka beate
grzegorz grzes
stanislaw stan staszek stas
zbigniew zbyszek
ibrahim ibo ebrahim
mustafa mustapha musti
hasan hassan
huseyin hussein hussain
ahmet ahmed ahmad
yusuf youssef yousef joseph
zeynep zeyno
ayse ayshe aisha aysche
omer omar umar
ali aly
abdullah abdallah abdulla abdul
khalid khaled halit
antonia toni antonina tosia tonia nia
anton antoni antek toni tony anthony antonio
heinrich heiner heino
wilhelmine wilhelmina minna mina helmine willa
mathilde matilda tilda tilly mathilda
wiktoria wika wiki viktoria
wojciech wojtek
kenji ken
yasemin yase yasmin jasmin
stanislawa stasia
kazimierz kazik
andrzej jedrek
elzbieta elka
jadwiga jadzia
zofia zosia
bartlomiej bartek bartosz
jaroslaw jarek
tadeusz tadek
leszek lech
malwina malwa
rolf rudolf rudi
hildegard hilde hilda
gertrud gerda trude
irmgard irma
kunigunde gundi
erich rick
ferdinand ferdi
lieselotte lilo lotte
susanna susi
veronika vroni vera
waltraud traudl
walter walti
christiane christa jane
cornelia conny nele
konrad kurt konni
eleonore nora lore
suleyman sulo
hatice hatun
emine emi
serkan serko
burcu burcin
layla leila leyla laila
nur noor nour
maryam mariam meryem miriam
"""


def _table() -> Mapping[str, frozenset[int]]:
    groups: dict[str, set[int]] = {}
    for number, line in enumerate(_GROUPS.strip().splitlines()):
        for name in line.replace("ł", "l").replace("ż", "z").split():
            groups.setdefault(name, set()).add(number)
    return {name: frozenset(numbers) for name, numbers in groups.items()}


NICKNAMES: Mapping[str, frozenset[int]] = _table()
"""Folded given name -> the groups it stands in."""
