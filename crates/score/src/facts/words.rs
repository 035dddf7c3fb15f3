//! What the facts scorer knows of English: closed classes of words.
//!
//! All of it is general knowledge, written by hand; no list was taken from
//! labelled data. Words stand in their plain form and are compared as stems.

/// Words that carry no content of their own.
#[rustfmt::skip]
pub(super) const FUNCTION: &str = "\
a an the this that these those it its itself he she they we you i his her hers their theirs our your \
my him them us me himself herself themselves is are was were be been being am has have had having do \
does did doing done will would can could may might shall should must of in on at to for from by with \
as and or but so than then there here which who whom whose what also too if about into onto upon over \
under up down out off when where while how why because though although during through within between \
among against one very yes ok okay sure please thanks hello hi sorry";

/// Verbs after which the predicate of a sentence begins.
pub(super) const AUXILIARIES: &str = "\
is are was were be been has have had does do did can could will would may might shall should must";

/// Words that deny what they belong to.
#[rustfmt::skip]
pub(super) const NEGATIONS: &str = "\
not no never none neither nor cannot without nothing nobody nowhere hardly barely scarcely fail fails \
failed failing failure refuse refuses refused refusing refusal unable incapable impossible avoid avoids \
avoided avoiding lack lacks lacked lacking deny denies denied denying decline declines \
declined declining reject rejects rejected rejecting prevent prevents prevented forbid forbids forbidden \
prohibit prohibits prohibited neglect neglects neglected unwilling inability absent absence \
cease ceases ceased prohibited banned";

/// Words that shut out all else.
pub(super) const EXCLUSIVE: &str = "only solely exclusively merely entirely just purely alone";

/// What a number after them is only bounded by.
pub(super) const AT_LEAST: &str = "more over least exceeding exceeded exceeds above beyond minimum";
/// What a number after them is only bounded by.
pub(super) const AT_MOST: &str = "less fewer under most below maximum";
/// What makes a number one of several that are near.
pub(super) const ABOUT: &str =
    "about around approximately roughly nearly almost some circa ca approx";

#[rustfmt::skip]
pub(super) const NUMBERS: [(&str, f64); 28] = [
    ("zero", 0.0), ("two", 2.0), ("three", 3.0), ("four", 4.0), ("five", 5.0), ("six", 6.0),
    ("seven", 7.0), ("eight", 8.0), ("nine", 9.0), ("ten", 10.0), ("eleven", 11.0),
    ("twelve", 12.0), ("thirteen", 13.0), ("fourteen", 14.0), ("fifteen", 15.0), ("sixteen", 16.0),
    ("seventeen", 17.0), ("eighteen", 18.0), ("nineteen", 19.0), ("twenty", 20.0),
    ("thirty", 30.0), ("forty", 40.0), ("fifty", 50.0), ("sixty", 60.0), ("seventy", 70.0),
    ("eighty", 80.0), ("ninety", 90.0), ("dozen", 12.0),
];

pub(super) const ORDINALS: [&str; 12] = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth",
];

/// What a number before them is multiplied by.
pub(super) const SCALES: [(&str, f64); 6] = [
    ("hundred", 1e2),
    ("thousand", 1e3),
    ("million", 1e6),
    ("billion", 1e9),
    ("trillion", 1e12),
    ("k", 1e3),
];

pub(super) const DECADES: [(&str, f64); 8] = [
    ("twenties", 20.0),
    ("thirties", 30.0),
    ("forties", 40.0),
    ("fifties", 50.0),
    ("sixties", 60.0),
    ("seventies", 70.0),
    ("eighties", 80.0),
    ("nineties", 90.0),
];

pub(super) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

pub(super) const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Units: the words of one line measure the same thing, each so many of the
/// first.
#[rustfmt::skip]
pub(super) const UNITS: [&[(&str, f64)]; 9] = [
    &[("second", 1.0), ("minute", 60.0), ("hour", 3600.0), ("day", 86_400.0), ("week", 604_800.0),
      ("month", 2_629_800.0), ("year", 31_557_600.0), ("decade", 315_576_000.0),
      ("century", 3_155_760_000.0), ("millisecond", 0.001), ("ms", 0.001)],
    &[("metre", 1.0), ("meter", 1.0), ("m", 1.0), ("kilometre", 1e3), ("kilometer", 1e3), ("km", 1e3),
      ("centimetre", 0.01), ("centimeter", 0.01), ("cm", 0.01), ("millimetre", 0.001), ("mm", 0.001),
      ("mile", 1609.344), ("foot", 0.3048), ("feet", 0.3048), ("ft", 0.3048), ("inch", 0.0254),
      ("yard", 0.9144)],
    &[("gram", 1.0), ("g", 1.0), ("kilogram", 1e3), ("kg", 1e3), ("tonne", 1e6), ("milligram", 1e-3),
      ("mg", 1e-3), ("pound", 453.592_37), ("lb", 453.592_37), ("ounce", 28.349_523)],
    &[("litre", 1.0), ("liter", 1.0), ("millilitre", 1e-3), ("ml", 1e-3), ("gallon", 3.785_411_784)],
    &[("byte", 1.0), ("kb", 1e3), ("mb", 1e6), ("gb", 1e9), ("tb", 1e12), ("kilobyte", 1e3),
      ("megabyte", 1e6), ("gigabyte", 1e9), ("terabyte", 1e12)],
    &[("percent", 1.0), ("percentage", 1.0), ("%", 1.0)],
    &[("euro", 1.0), ("eur", 1.0), ("€", 1.0)],
    &[("dollar", 1.0), ("usd", 1.0), ("$", 1.0), ("cent", 0.01)],
    &[("degree", 1.0), ("celsius", 1.0), ("°", 1.0)],
];

/// Words of one line exclude each other where only one of them can hold.
#[rustfmt::skip]
pub(super) const ALTERNATIVES: [&str; 21] = [
    "american british english french german italian spanish russian chinese japanese indian canadian \
     australian mexican brazilian irish scottish welsh dutch belgian swiss austrian swedish norwegian \
     danish finnish polish greek turkish israeli egyptian african european asian korean iranian iraqi \
     portuguese hungarian czech romanian ukrainian cuban argentine colombian nigerian kenyan pakistani \
     vietnamese thai filipino indonesian jamaican chilean peruvian moroccan ethiopian icelandic \
     bulgarian serbian croatian slovak lebanese syrian saudi malaysian",
    "america usa britain england france germany italy spain russia china japan india canada australia \
     mexico brazil ireland scotland wales netherlands belgium switzerland austria sweden norway denmark \
     finland poland greece turkey israel egypt africa europe asia korea iran iraq portugal hungary \
     romania ukraine cuba argentina colombia nigeria kenya pakistan vietnam thailand philippines \
     indonesia jamaica chile peru morocco ethiopia iceland bulgaria serbia croatia slovakia lebanon \
     syria malaysia",
    "film movie book novel album song single series show play musical painting poem magazine newspaper \
     game sculpture podcast opera cartoon sitcom website app",
    "actor actress singer musician writer author director producer politician painter scientist lawyer \
     doctor teacher engineer comedian dancer model coach journalist poet composer rapper drummer \
     guitarist chef athlete boxer wrestler physicist philosopher novelist screenwriter architect \
     soldier nurse pilot farmer plumber electrician accountant footballer chemist biologist",
    "north south east west northern southern eastern western",
    "red blue green yellow black white brown orange purple pink grey gray silver gold",
    "male female", "man woman", "boy girl",
    "mother father brother sister son daughter wife husband aunt uncle grandfather grandmother niece \
     nephew cousin",
    "football basketball baseball soccer tennis golf hockey cricket rugby boxing wrestling swimming \
     volleyball badminton cycling",
    "rock pop jazz metal punk blues folk classical reggae techno",
    "drama comedy horror thriller western romance documentary tragedy fantasy",
    "christian muslim jewish hindu buddhist catholic protestant",
    "city village country island river mountain lake continent planet county province",
    "dog cat horse cow sheep pig bird fish snake",
    "daily weekly monthly quarterly annually yearly hourly",
    "morning afternoon evening night noon midnight",
    "spring summer autumn winter",
    "gold silver bronze copper iron steel wood plastic glass stone",
    "email phone fax letter chat",
];

/// Pairs that exclude each other.
#[rustfmt::skip]
pub(super) const ANTONYMS: &str = "\
alive dead, living dead, best worst, good bad, better worse, largest smallest, large small, big small, \
highest lowest, high low, higher lower, tallest shortest, tall short, oldest youngest, oldest newest, \
old young, old new, first last, more less, more fewer, most least, many few, always never, all none, \
begin end, start finish, start end, open close, open shut, open closed, win lose, winner loser, success failure, \
successful unsuccessful, succeed fail, positive negative, accept reject, accept refuse, love hate, \
like dislike, increase decrease, increase reduce, rise fall, grow shrink, before after, early late, \
earlier later, above below, inside outside, indoor outdoor, public private, rich poor, strong weak, \
hot cold, warm cool, fast slow, quick slow, long short, true false, real fictional, real fake, legal illegal, \
married single, married divorced, married unmarried, bear die, birth death, include exclude, allow forbid, \
allow prohibit, allowed banned, permit forbid, permit prohibit, agree disagree, approve reject, appear disappear, \
majority minority, maximum minimum, major minor, friend enemy, victory defeat, buy sell, push pull, \
send receive, lend borrow, enter leave, arrive depart, import export, teacher student, parent child, \
employer employee, lead follow, cause prevent, create destroy, build destroy, remember forget, \
known unknown, common rare, popular unpopular, easy difficult, easy hard, simple complex, simple complicated, \
safe dangerous, healthy sick, full empty, heavy light, wide narrow, thick thin, deep shallow, hard soft, \
wet dry, clean dirty, modern ancient, guilty innocent, active inactive, dependent independent, \
same different, together separately, solo group, domestic foreign, domestic international, urban rural, \
liberal conservative, silent sound, amateur professional, permanent temporary, \
partial complete, praise criticize, acclaimed panned, praised panned, former current, native foreign, \
retire join, gain lose, deny admit, deny confirm, retain lose, keep abandon, attack defend, hero villain, \
comedy tragedy, required optional, mandatory optional, compulsory voluntary, free paid, cheap expensive, \
enable disable, connect disconnect, encrypt decrypt, upload download, sender recipient, buyer seller, \
ascend descend, upper lower, left right, front back, top bottom, interior exterior, internal external, \
present absent, visible hidden, possible impossible, valid invalid, correct incorrect, right wrong, \
even odd, odd normal, regular irregular, formal informal, direct indirect, likely unlikely, able unable, \
happy sad, calm angry, brave cowardly, kind cruel, polite rude, generous stingy, honest dishonest, \
loud quiet, noisy silent, bright dark, day night, sunrise sunset, entrance exit, profit loss, \
surplus deficit, asset liability, income expense, supply demand, exclusive shared, single multiple, \
refundable nonrefundable, returnable final, alcoholic nonalcoholic, predecessor successor, \
ancestor descendant, older younger, elder younger, senior junior, asleep awake, arrest release, \
capture release, reveal conceal, separate unite, divide unite, expand contract, advance retreat, \
ally enemy, support oppose, supporter opponent, favour oppose, pass fail, hire fire, promote demote, \
cancel confirm, cancel renew, suspend resume, expire renew, occupied vacant, guest host, land sea, \
peace war, civilian military, theist atheist, sober drunk, fertile barren";

/// A word, and those that say as much or more.
#[rustfmt::skip]
pub(super) const ENTAILED_BY: &str = "\
musician: singer vocalist drummer guitarist pianist rapper composer songwriter bassist violinist cellist band; \
writer: author playwright novelist poet screenwriter journalist essayist columnist lyricist biographer; \
author: writer novelist; performer: actor actress singer dancer comedian musician entertainer rapper; \
artist: painter sculptor singer musician illustrator; actor: actress; \
athlete: footballer player boxer swimmer runner wrestler gymnast cyclist; scientist: physicist chemist biologist astronomer; \
person: man woman boy girl actor actress singer politician; \
movie: film motion; film: movie; show: series program programme sitcom; series: show program programme sitcom franchise; \
program: programme show; book: novel memoir biography; company: corporation firm manufacturer business enterprise; \
business: company firm; song: single track; single: song; band: group duo trio quartet; group: band team; \
country: nation republic kingdom; nation: country; city: town capital metropolis; town: village city; \
kill: murder assassinate shoot; die: death kill perish; death: die; birth: born; born: birth; \
begin: start commence launch; start: begin commence launch; finish: end conclude complete; end: finish conclude; \
child: son daughter kid; kid: child; spouse: wife husband; parent: mother father; sibling: brother sister; \
married: wife husband marriage spouse; marry: wife husband spouse wedding; win: victory award receive; university: college; \
location: locate place; locate: location situate; situate: locate; make: produce create build; create: make found establish design develop; \
found: establish create; establish: found create; release: premiere issue publish; publish: release issue; \
debut: first; star: actor actress lead; act: actor actress role; appear: role cast star play act; role: cast play star portray character; \
play: role star portray; portray: play role; television: tv broadcast; tv: television; \
britain: uk british; uk: britain british; america: usa american; usa: america american; \
doctor: physician; lawyer: attorney; job: occupation career profession; \
large: big huge; big: large huge; small: little tiny; buy: purchase acquire; purchase: buy acquire; \
acquire: buy purchase; award: prize medal; prize: award; cost: price; price: cost; employ: work hire; work: employ job; \
live: reside; reside: live; help: assist support; need: require; require: need; get: receive obtain; \
allow: permit; permit: allow; forbid: prohibit ban; prohibit: forbid ban; ban: prohibit forbid; \
car: automobile vehicle; phone: telephone; photo: photograph picture; free: gratis complimentary; \
refund: reimburse; return: refund; ship: deliver send; deliver: ship send; delivery: shipping; \
use: utilize employ; show: display; famous: known renowned; known: famous renowned; popular: famous; \
quick: fast rapid; fast: quick rapid; correct: right; wrong: incorrect false; happy: joyful cheerful; sad: unhappy; \
sell: sale; sale: sell; rank: rate; main: primary principal chief; primary: main principal; principal: main primary; \
contain: include feature; include: contain feature; feature: include star; host: present; teach: teacher professor; \
write: author writer; direct: director; sing: singer vocalist vocal; dance: dancer; paint: painter; \
govern: rule; rule: govern reign; elect: vote; study: attend student; attend: study; graduate: degree; \
old: aged; injure: hurt wound; hurt: injure; near: close nearby; close: shut; shut: close";

/// Places and what belongs to them.
#[rustfmt::skip]
pub(super) const DEMONYMS: &str = "\
china chinese, france french, england english, spain spanish, germany german, britain british, \
america american, usa american, netherlands dutch, greece greek, wales welsh, ireland irish, \
scotland scottish, poland polish, denmark danish, sweden swedish, turkey turkish, japan japanese, \
switzerland swiss, iceland icelandic, finland finnish, norway norwegian, belgium belgian, \
portugal portuguese, philippines filipino, thailand thai, peru peruvian, israel israeli, iraq iraqi, \
pakistan pakistani, europe european, egypt egyptian, canada canadian, italy italian, brazil brazilian, \
hungary hungarian, ukraine ukrainian, argentina argentine, vietnam vietnamese, czechia czech, \
uk british";

/// What comes before a word and turns it round.
pub(super) const PREFIXES: [&str; 8] = ["un", "in", "im", "il", "ir", "dis", "non", "mis"];

/// Ends with `est` and is no superlative.
#[rustfmt::skip]
pub(super) const NO_SUPERLATIVES: &str = "\
west interest forest guest contest protest request test quest rest nest harvest invest arrest suggest \
honest modest chest digest manifest priest breast northwest southwest midwest pest zest \
crest latest request jest fest behest";
