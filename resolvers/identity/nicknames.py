"""Short and spelled forms of given names, as groups of names that people use for one another.

Our own list of everyday forms; folded as `names.fold` folds. A name may stand in several groups (Alex, Sascha). Names
that brothers or sisters bear side by side (Maria and Miriam) stand in no group together.
"""

from __future__ import annotations

from collections.abc import Mapping

_GROUPS = """
abdullah abdallah abdulla abdul abdellah abdoullah; abdulrahman abdelrahman abdurrahman abdul; abigail abby abbie
gail; adalbert bert albert; adelheid heidi heide; aditya adi; adolf adi dolf; adrian adi adrien adriano; adriana
adri; agnieszka aga agnes; ahmed ahmad ahmet achmed; aikaterini katerina; aisha ayesha aysha aicha aischa; alan allan
allen al; albert bert al berti albrecht alberto; albertine tine; alexander alex alexandre aleksander alexandr sascha
sasha xander olek aleksandr; alexandra alex sascha sasha aleksandra ola alexa sandra; alexej alexei alexey aleksey
alexis aljoscha alyosha oleksiy; alfred alf fred alfredo fredy; ali aly; alice alicia ally allie; alison ali allie;
alois aloys luis loisl; amalie malie amalia; amanda mandy manda; ambrose brose; amina aminah ameena emine; anastasia
nastja nastya stacy stasya anastasija; anastasios tasos; andreas andi andy andre andrzej andrew drew; andrej andrei
andrey andriy; andrzej jedrek; angela angie geli engel; angelika angelica geli gela angie; anna anne anja ania anka
anni annie; anneliese annelies liesel anne; annemarie annamaria anne marie mieke annemie; annette anette nettie
anetta netti; antoine antonin toine; anton antoni antek toni tony anthony antonio; antonia toni antonina tosia tonia
nia; antonio toni tonio tono tonino nino; archibald archie; arnold arnie noldi arno arnd; arthur art artie artur
arturo; ashwin aswin; athanasios thanasis sakis; august augustin gustl gus guus augusto; augusta guste gusti; ayse
ayshe aisha aysche aysegul; balthasar baltes balz; barbara barb basia babs barbel; bartholomew bart bartholomaus
bartolomeo; bartlomiej bartek bartosz; beata beatka beate; beatrice beatrix bea trixie beatriz; benjamin ben benny
benni; bernadette bernie detta; bernard bernhard bernie berni bernd bernardo bennie; bertha berta bertie; bilal
belal; bjorn bjoern; bogdan bohdan bodo; boleslaw bolek; bozena bozenka; bradley brad; brenda bren; brigitte gitte
gitta brigitta birgit bridget biggi britta; bronislaw bronek; burcu burcin; burkhard burkhart bucki; calvin cal;
cameron cam; camilla camille milla kamila; candice candy candace; carlos carlitos charles carl; carmen carmela mela;
caroline carrie carol lina line karolina; cassandra cass cassie sandra; catherine cathy cat kitty katy cath trina;
cecilia cecile cilly celia cecylia; cedric ced rick; charles charlie chuck karl carl; charlotte lotte charly lotta;
chester chet; chiara clara klara; christian chris krystian kris; christiane christa; christina christine tina chris
krystyna krysia kristina christa; christopher christoph chris kit krzysztof krzys; clara klara claire clare; clarence
clare; claudia claudi klaudia; claus klaus nikolaus; clemens klemens clement clem klement; clifford cliff; constance
konstanze connie constanze stanzi costanza; constantin konstantin kosta konsti costa konstantinos kostas; cornelia
conny nele; curtis curt; cynthia cindy; cyril kiril kyrill cyrill; dagmar daggi dasa; damian damien; daniel dan danny
dani danek; daniela dany danielle dani danka; danuta danusia danka; darren daz; david dave davey dawid; deborah
debora debbie debby deb; denise denice; dennis denis denny dionysius dionizy; desmond des; diana diane di; dieter
didi diether; dietrich dieter didi dirk; dimitri dmitri dmitry dima mitja dimitrios dimitris mitko; dolores lola
lolita; dominik dominic nick dom domi domenico domingo; dominika domi nika dominique; donald don donnie donny;
dorothea dorota dora dorotka thea; douglas doug dougie; eberhard ebbo eb hardy; eckhard eckhart ecki ekkehard
eckehard; eduardo edu lalo edward; edward ed eddie ted eduard edi; ekaterina jekaterina katya katja katerina
yekaterina; eleanor eleonora elinor nell nellie ellie ella lenore; elena helen helena lena jelena yelena olena; eleni
helena lena; eleonore nora lore; elif elife; elisabeth elizabeth liz lisa beth betty elzbieta ela lisbeth sissi
elsbeth elise elsa ella elli ellie else elsie lies liesl lissy lis babette bettina lilli lily sisi; elizabeth eliza
ellie elsie libby lizzie lizzy betsy bess bessie bet lilibet liza lisbet elisabetta elisabet elisaveta; eloise lois;
elzbieta elka ela elunia; emanuel emmanuel manu manuel immanuel mani; emil emilio emile milek; emilia emily emilie
emi emmi; emine emi; emre yunusemre; engelbert bert engel; enrico heinrich henry rico enrique henri; erasmus rasmus;
erhard ehrhard hardy; erich rick; erika erica rika ricky; erna ernestine; ernst ernest ernesto ernie erno; erzsebet
bozsi elisabeth; esther ester hester esti; eugen eugene gene eugenio evgeni yevgeny jewgeni eugeniusz gienek; eugenia
genia gina evgenia yevgenia; eva ewa eve evi evchen ewka evita; evangelos vangelis; evelyn eveline evi lyn ewelina
eve; evgeny zhenya jenya evgenij yevgeni; fabian fabi fabio fabien; fatima fatma fatimah fatme fadime; felicia
felicitas fee feli felizitas; felix feliks felice; ferdinand ferdi fernando ferdl nando ferry fernand; ferenc feri
franz; filomena mena; florence flo flora flossie; florian flori flo; frances fran fanny frannie frankie franziska
francesca; francesco franco francis franz cecco; francisco paco pancho frank curro kiko; francois francis franz;
franklin frank; franz franciszek frank franek francis; franziska franzi ziska fanny sissi franciszka franka fraenzi
franzisca; frederik fred frits rik frederic fredrik freek; friederike rike riekchen fritzi frieda frederike frederika
frederica friedl; friedhelm helm fritz; friedrich fred frieder friedel frederick frederik fritze freddy fritz
fryderyk; gabriel gabe gabi gavriil; gabriela gaby gabby gabrielle; gabriele gabriela gabi; galina galja galya
halyna; genevieve genoveva gen vevi; gennadi gena; georg george jerzy jurek jorg schorsch jorge jiri juri yuri jori
jur goran girgis; george georgie jorge giorgio georgios giorgos yorgos; georgina georgette georgia gina; gerald gerry
jerry gerold; geraldine gerry geri; gerard gerry gerardo gerhart; gerhard gerd gert hard gerdi; gertrud gerda trude
gertrude trudi trudy traudl gertie; gilbert gil bert; giovanni gianni john johannes nanni vanni; gisela gisa gila
giselle; giuseppe beppe peppe joseph beppo peppino; gottfried friedl godfrey geoffrey gotz; gregor grischa gregori
grigori gregorio gregorz; gregory greg grzegorz grzesiek gregor; grzegorz grzes; guillaume william guy; guillermo
memo william; gulsen gulsum; gunter gunther gunni gunnar guenther; gurpreet guri; gustav gustaf gus gusti gustavo
gustl; gwendolyn gwen; gyorgy gyuri georg; hakan haakon; hamza hamzah hamsa; hanna hannah hania hanne; hannelore
hanne lore loni; hans johannes johann john jan johnny janek hannes; harald harry harold hal; harpreet harry; hassan
hasan hassane; hatice hatun; hedwig hedi hede hedda jadwiga; heidemarie heidi heide; heinrich heinz henry henryk
harry hank heiner heino; helena helene leni hela; hendrik henk rik henry heinrich; henriette henrietta jette harriet
henni hetty yetta; herbert herb bert herbie heribert bertie; hermann herman armin manni; hermine mine mina;
hieronymus jerome; hilary hilarius; hildegard hilde hilda; horst horsti; hubert hubertus hugh bert; huda hoda houda;
hugo hugh ugo; huseyin hussein hussain hus; hussein husayn husain houssein huseyin hossein hussain; ibrahim ibo
ebrahim brahim ibraheem; ignacy ignaz; ignatius ignaz naz iggy ignacio nacho; igor ihor; ilona ilonka ilka; ilse
ilsa; ingeborg inge inga inka; ingrid inga inge ingried; ioannis yannis giannis jannis john yiannis; irene irena
irina ira renia reni eirini; irina ira irisha iryna; irmgard irma; isaac ike izzy; isabel isabella bella isa isabelle
belle izabela iza ysabel izzy; isidor isidore izzy; ismail ismael esmail; istvan pista stefan; ivan john iwan vanya
wanja johann; jackson jack; jacob jakob jake jakub kuba jack jakey; jacqueline jackie jacky jacquie; jacques jacob
james; jadwiga jadzia; jaime james; jamal gamal cemal djamal; james jim jimmy jamie; jan jasiu jas johan; janet jan;
janina janka janine; janos johann jancsi; jaroslaw jarek; jason jay; jean john johannes; jeanette jeannette janet
jenny; jeffrey jeff geoffrey geoff; jennifer jenny jen jenni jenn jennie; jeremias jeremy jerry jeremiah; jessica
jess jessie jessy; joachim jochen achim jo joaquin jojo; joan joanie; joanna johanna asia hanna jo; johann hans hansi
john johnny jan jens johan jean; johanna hanne hanni jo jane joan joanne hannerl; john jack johnny jock jon; jolanta
jola jolanthe; jonas jonasz; jonathan jon jonny nathan johnny; jorg jurgen joerg jorgen; jorgen georg; jose pepe
joseph; josefa josefine sefa josephine; josefine josephine josie fine finchen pepi; joseph josef joe jozef jupp sepp
jozek joey; josephine jo josie; joshua josh; joyce joy; jozsef joszef joska pepi; juan john juanito; judith judy judi
jutta jude; julia julie jule julka yulia julija yuliya iuliia; juliane julianna julia; julius jule julio; jurgen
joerg juergen georg; justin justus; karim kareem kerim; karl karel kalle charly karol carl carlo karlheinz carlos;
karlheinz kalle heinz karl charly; karolina karo caroline carolin carolina; karsten carsten christian; kaspar caspar
jasper casper; katarzyna kasia katharina kathrin katrin kate katie kathy catherine katherine kat kaska katja kathi
katarina; katharina kathe kathchen trine tine nina katarzyna catarina caterina ekaterina katya katja katinka;
katherine katie kathy kitty katharine katrina kat kay; kathleen kathy katie; kathryn kathy katie kate katherine;
kazimierz kazik; kenji ken; kenneth ken kenny; kerstin kirsten; khadija khadijah hatice khadidja; khaled halid;
khalid khaled halit; kimberly kim kimberley; klaus niklaus nikolaus nico niko nick nicholas nikolas mikolaj; konrad
kurt konni; konstantin kostja kostya; konstantinos kostas dinos; konstanze stanze; kornelia conny nelly cornelia
kornelie; krishna kishan krishnan; krystian krys; ksenia xenia ksenija; kunibert kuno; kunigunde gundi; kurt curt
konrad; lakshmi laxmi; lambert bert; larisa lara; larissa lara; laszlo laci; lauren laurie; laurence lawrence larry
laurenz lorenz lorenzo laurent laurens; lawrence larry law lawrie; layla leila leyla laila lila; leokadia leosia;
leonard lennie lenny len; leonardo leo lenny; leonhard leon leo leonard; leonie leoni; leonora nora; leopold poldi
leo; leslie les; leszek lech; li lee; lidia lydia lida; lillian lily lil lilian; liselotte lilo lotte lieselotte
liesl; lorenz lenz renz lawrence; louis lou ludwig louie luis luigi lewis lajos; louise luise lou lulu luisa lovisa
ludowika; lucia lucy lucie luzia; lucian lucjan luc; lucille lucy; ludmila ludmilla mila lyudmila ljudmila luda;
ludwig lutz lui luis wiggerl louis luggi ludovico ludwik; lukas luke lukasz lucas luki; lutz ludwig lucius; lyubov
ljuba lyuba; madeleine madlen maddie madelyn magdalena; magdalena magda lena maggie leni lenchen magdalene madeleine
magdalenka madlen; mahmoud mahmud mahmood mahmut; malcolm mal; malgorzata gosia margarete margaret maggie greta grete
gretel peggy meg margot; malwina malwa; manfred manni fred; manuela manu ela; marcel marcello marcellus; marcin
martin marty; marcus markus mark marc marko marek marco; margaret peg margie marge madge mag; margareta margarethe
rita gretchen gitta meta daisy marga margarita margot merete gretl gretel marketa; margarethe margarete greta; maria
mary marie mia maja marysia marianne mitzi mariechen mariska marja maryla mimi moni manja maike marijke maritza
marita maryska marija marusia ria mieke masha mascha marusya; mariam maryam miriam mariyam meryam; marianne janne
nanne marianna; marjorie marge margie; martha marta marthe patty mattie; martin marten maarten martino martinus;
martina tina marti; marvin marv; maryam mariam meryem miriam; mathew matt matty matteo mateo; mathilde matilda tilda
tilly mathilda; matilda tilly maud mattie; matthias mathias matt matze mateusz matthew hias hiasl mathis matti
mattias thies mathew matthaus mathieu; maureen mo; maurice moritz mauricio mo maurizio; maxim maksim max maksym;
maximilian max maks maksymilian maxi maxim maxl massimiliano; maxwell max; mehmet mehmed muhammet memo memis; melanie
mel mela melania; melchior melk; melinda mindy; melissa mel missy lissa; mercedes merche; meryem meral; michael mike
mick michal mich michi micha mikey mickey misha mischa miguel mikhail mihail mihai michail mikkel micheal michiel
maik meik; michaela michi ela mischa; mildred millie; milton milt; mirjam miriam miri mirja; miroslaw mirek miroslav
mirko; mitchell mitch; mohammed muhammad mohamed mohammad muhammed mo mohd mohamad mouhamed mehmet hamada muhammet;
mohit mo; monika moni monique monica nika; muhammad md mohd; mustafa mustapha musti mostafa moustafa mistik;
nadeschda nadja nadezhda nadine nadia; nancy ann anne; nasser nasir naser nassir; natalia natalie natalja natascha
natasha nata natalka talia nathalie; natalya natasha nataliya; nathaniel nathan nat nate; nepomuk muck; nicholas
nicky nicola claus nicolas nikola nikolai nikos nikolaos; nicole nicola nicky niki nikki nic; nikita nik; niklas nik
nikolaus niclas nicklas; nikolai nikolay nikolaj kolja kolya mykola; norbert bert norb; norman norm; noura nora nura
noora nourah; nur noor nour; octavia tavi; oguzhan oguz; oksana oxana xana; oleg oleh; oleksandr sasha sascha
alexander; olga olya olja olenka; oliver oli olli; olivia liv livia; omer omar umar; oscar oskar ossi; osman uthman
othman; oswald ossi ozzie; otto otho ottokar; ozlem ozi; pamela pam pammy; panagiotis panos takis; pascal pasquale;
patricia pat patty tricia patrycja trish trisha patti patsy; patrick pat paddy patryk packy rick padraig; paul pawel
paulchen paolo pablo pauli pavel pal pavlos; paula pola; pauline paula lina; pavel pasha pawel pascha; pelagia pela;
penelope penny; peter pete piotr pit piotrek petr pietro pedro pierre piet petrus pjotr pyotr petar petros petter
petri boutros; philipp philip phil filip phillip fips philippe felipe filippo lippi; philomena mena; phyllis phyl;
piotr pietrek; polina paulina; pooja puja; priscilla cilla; prudence pru; rafael raphael rafal rafi raffaele raffael;
rahul raul; raimund raymond ray raimond ramon; rainer reiner; rajesh raj raju; ralf rolf ralph raoul rudolf; randall
randy; randolph randy; rania ranya raniya; rashid rasheed rachid; rebecca becky beck rebekka; rebekka becca rivka;
regina gina ina reggie regine; reginald reg reggie; reinhard reini hardy rainer reinhart; reinhold reini; renate reni
nate; richard rick dick rich ryszard rysiek richie; robert rob bob bobby robbie bert; roberto beto robert; rodrigo
rod; roger rog rudiger; roland rolli rowland orlando; rolf rudolf rudi; roman romek romain roma; romuald romek;
ronald ron ronnie ronny; rosa rosi rose rosie rosalie rosina rosemarie rosita; rosalia rosa; rosemarie rosi romy
rosemary; rosemary rosie; roswitha rosi; rudiger rudi; rudolf rudolph rolf ralf dolf ruedi rodolfo; ruprecht rupert
robert; russell russ rusty; ruth ruthie; sabine bine sabina binchen binerl; saeed said saeid sayed; salim saleem
selim; salma selma; salvatore toto turi; samantha sam sammy; samir sameer; samuel sam sammy shmuel; sandor alexander;
sandra alessandra; sanjay sanju; sara sarah sally zarah; sebastian basti seb sebastien bastian bastien wastl sepp
sebastiano; seraphine fina; sergej sergei sergey serhij sergiusz serjoscha; serkan serko; severin severyn; sharon
shari; shirley shirl; sibylle sybille bille sibyl; siegfried sigi siggi sig sigfried; sieglinde linde sigi siglinde;
sigismund zygmunt sigi; sigrid siri; silvester sylvester silvio; silvia sylvia sylwia silvi sylvie; simon simeon
szymon shimon simone semjon; simone simona moni; slawomir slawek; sofia sonja sonya; solomon salomon sol; sophie
sofia sophia zofia zosia sofie fia fieke sofija sophy; soren soeren; srinivas shrinivas sreenivas; stanislav stas
slava stanislaw stanislaus; stanislaw stan staszek stas stach; stanislawa stasia; stanley stan; stefan steven stephen
steve stephan szczepan steffen stefano esteban etienne stevie stefanos stjepan istvan; stephanie steffi stefanie
steph stephania fanny stefania; stephen steph; stuart stu stewart; subramaniam subramanian subbu; suleyman sulo
suleiman solomon sulayman soliman; sumaya sumayya soumaya; sumit sumeet; sunil suneel; susan suzie susanna sukie;
susanne susan susi sue susie zuzanna zuza suzanne sanna sanne susanna suzy sanni suse suzan zuzia susannah; sven
swen; svetlana sveta swetlana lana; sylvester sly; tabitha tabby; tadeusz tadek tadzio thaddaus; tamara tammy toma;
tariq tarek tarik tareq; tatjana tatiana tanja tanya tania; terence terry terrence; teresa terka resi tereza tere
terezka therese; thaddeus thad tad; thekla tekla; theodor theo ted teodor dorus fedor fjodor theodoros thodoris;
theodora dora thea; theodore teddy theo; theresa teresa terry resi tess therese tessa tracy terri terez; thomas tom
tommy tomasz tomek tommi thommy tomas tommaso toma tam tomaz; tiffany tiff; timotheus timo tim; timothy tim timmy;
tobias tobi toby tobe tobiasz; torsten thorsten thorben; udo ulrich; ugur ugi; ulrich uli utz ulli ueli ulrik; ulrike
uli ulli rike riekchen ulla; urs ursus; ursel ursula uschi; ursula uschi ula ulla; urszula ula ursula; valentin
valentino tin walenty; valentina valya; valerie val valeriya; vasili vasily wassili vasyl vasco basil; vasiliki vaso
vicky; vasilios vasilis bill; venkatesh venkat venky; vera verochka; vernon vern; veronica ronnie; veronika vroni
vera veronica ronja ronni nika weronika; victor viktor vic wiktor vittorio vito; vijay vij; vikram vik; viktor vitya;
viktoria victoria vicky wiktoria tori viki vicki vic victoire vita tora; vincent vinzenz vince vinnie vincenz
vincenzo vicente wincenty vin; viola violetta violet; virginia ginny ginger; vitali vitaly vitalij vitaliy; vivian
viv; vladimir wladimir volodymyr vova wolodja wlodzimierz wlodek vlado vladi; volker volkmar; walburga burga burgi
walli; waldemar waldi vladimir valdemar; walid waleed; wallace wally; walter walti wally walt walther valter
gualtiero; waltraud traudl trudi waltraut traudi traute; wanda wandzia; wendelin wendel; wendy gwendolyn; wenzel
wenceslas vaclav waclaw; werner wernher; wesley wes; wieslaw wiesiek; wiktoria wika wiki viktoria; wilfried willi
fred wilfred; wilhelm william bill will willi billy liam willy wim helm willem guglielmo guillaume wilhelmus wil
vilhelm; wilhelmine wilhelmina minna mina helmine willa mine minchen wilma; william wm bill billie wills will
guillermo; winfried fred winni; winifred winnie; wladyslaw wladek ladislaus laszlo; wojciech wojtek; wolfgang wolf
wolfi wolferl; xaver xaverl xavier javier; yakup yaqub jakob; yaroslav slava jaroslav; yasemin yase yasmin jasmin;
yegor egor jegor; yolanda jolanda; youssef yousef yusuf yousuf yusef youssouf jusuf; yuri juri yury yuriy iurii;
yusuf youssef yousef joseph; yvette evie; yvonne ivonne iwona; zachary zach zack zak zacharias zechariah; zahra zehra
zohra; zainab zaynab zeinab zeynep zaineb; zbigniew zbyszek; zdzislaw zdzich zdzisiek; zeliha zuleyha; zeynep zeyno;
zoya soja zoja; zygmunt zyga
"""
"""Groups, with semicolons between them."""

_PLAIN = """
aarav aaron abhishek adam adele adrienne agata agathe ainhoa aitor ajay akash akiko akira alain alba alejandro alessia
alicja alina allison alma alok alvaro amber amelia amelie amit amitabh amrita amy anand ananya andrea anil anita
anjali ankit ankita anupam aoi aparna april arjun arnav arne arun arvind asha ashley ashok astrid aurelie austin axel
ayumi baptiste barry benoit bharat bhavna bianca blake bogna boris brian bruce bruna bruno burak caleb can carla
celine cem ceren cezary chad chandra chihiro chloe claudine claudio cody corinne craig crystal czeslaw daisuke dale
dana daniele darius dariusz davide dawn dean deepa deepak deepika delphine deniz derek devi dhruv didier diego dietmar
dinesh divya doris dustin dylan earl ebru edgar edith edyta elcin eli elias elisa elke ellen elmar elodie elvira emel
emiko emma enno ercan erik erin eryk esra ethan evan fabrice faith falk fatih federica ferhat fiona florent florentine
gabryela gaia gamze ganesh gary gaurav geeta genowefa gero giada gilles giulia glenn gokhan gonzalo gopal grace grant
gudrun guido gulay hailey halil halina hana hanno harish haruka haruto hazel heather hector heike heiko helga helge
helmut hemant henning herve hilmar hina hiroko hiroshi holger holly hulya ian ichiro ida ilker indira ines ingo
inmaculada irem iris ishaan isla ivo ivy jacek jade jagdish jana janis janusz jared jaya jayant jesse jill jiro joel
jost julian julien jun june justyna jyoti kai kailash kaito kajal kamala kamil kapil karan karen karin karla kavita
kavya kazuki kazuko keiko keith kelly kemal kenta kerem kevin khalil kilian kinga kiran klarissa knut komal kumiko
kyle lalita lance lars lata laura laure lea leah leif lene lennart leona levent levin linda linus lloyd logan lorena
lori luca lynn maciej madhu madison magnus mahendra mahesh makoto manish manisha manoj manon mara marcia marcos maren
margit marian mariko marina marine mario mariola marion mariusz marlene maryan masako mason maya meena meera megan mei
meike melek merle michel michele michelle michiko mieczyslaw milan milo mira mirela misaki mogens mohan molly mona
morgan mukesh murat nandini naoki naomi narendra naresh naveen nazli neelam neeraj neha nehal neil nikhil nils nisha
nitin noah noel noriko nuria oceane olaf ole olivier onur orhan owen ozan paige pankaj pankratius paola patrik perry
petra petronella pia pilar pradeep prakash pramod prashant pratibha praveen preeti priya priyanka quentin radha
radoslaw rajan rajeev rajendra rakesh ramesh rani ranjit raquel ravi regis rekha remi ren renata rene renee renu riku
rin ritu robin rocio rohan rohit ross roy ruben ruby ryan ryota sachiko sachin sakura sandeep sandrine sandy sangeeta
sangita sanjana santosh saraswati sarita saskia satish satoshi savita sean seema selin serdar sergio seth sevgi
shalini shane shankar shanti sharmila shawn shilpa shiva shobha shota shreya shweta sibel silke sina sita smita sneha
sonali sonia sota stella subhash sudha sudhir suman sunita suresh surya sushila svenja swantje swati sylvain takashi
takumi tara taro tarun thierry thore till tilman todd tolga tomoko travis trevor troy uma umesh umut usha ute uwe
valentine valeria vandana varun vasant verena veronique vidya vimala vinay vinod vishal vivek volkan wade warren wayne
wiebke wioletta witold yann yash yavuz yilmaz yoichi yoko yui yuki yuko yumi yuto yves zoe
"""
"""Everyday names without a short form of their own: two of them are two names, however alike (Dora, Nora)."""


def _table() -> Mapping[str, frozenset[int]]:
    groups: dict[str, set[int]] = {}
    for number, line in enumerate(_GROUPS.split(";")):
        for name in line.split():
            groups.setdefault(name, set()).add(number)
    return {name: frozenset(numbers) for name, numbers in groups.items()}


NICKNAMES: Mapping[str, frozenset[int]] = _table()
"""Folded given name -> the groups it stands in."""
KNOWN: frozenset[str] = frozenset(NICKNAMES) | frozenset(_PLAIN.split())
"""Folded given names that are names for certain, and no slip of another one."""
